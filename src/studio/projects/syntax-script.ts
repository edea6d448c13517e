import { Parser, type Position } from 'acorn'
import type { FileProblem } from './project.ts'

/** How a script is run, which determines its syntax. */
export type ScriptGoal = 'script' | 'module'

/**
 * Checks a script. Reports at most one problem, as a parser cannot recover reliably after the
 * first.
 *
 * @param goal - undefined for a file that may be used either way: it is invalid only if it is
 * neither
 */
export function checkScript(path: string, text: string, goal: ScriptGoal | undefined): FileProblem[] {
  if (goal !== undefined) return parse(path, text, goal)
  const asScript = parse(path, text, 'script')
  if (asScript.length === 0) return []
  const asModule = parse(path, text, 'module')
  if (asModule.length === 0) return []
  // The parse that got further most likely has the right goal.
  return (asModule[0]?.line ?? 0) > (asScript[0]?.line ?? 0) ? asModule : asScript
}

function parse(path: string, text: string, sourceType: ScriptGoal): FileProblem[] {
  try {
    Parser.parse(text, { ecmaVersion: 'latest', sourceType, allowHashBang: true })
    return []
  } catch (error) {
    if (error instanceof RangeError)
      return [{ path, line: null, column: null, message: 'is nested too deeply to be read' }]
    if (!(error instanceof SyntaxError)) throw error
    const { loc } = error as SyntaxError & { readonly loc?: Position }
    return [
      {
        path,
        line: loc?.line ?? null,
        column: loc === undefined ? null : loc.column + 1,
        message: error.message.replace(/ \(\d+:\d+\)$/, ''),
      },
    ]
  }
}

/** Checks JSON. */
export function checkJson(path: string, text: string): FileProblem[] {
  try {
    JSON.parse(text)
    return []
  } catch (error) {
    if (error instanceof RangeError)
      return [{ path, line: null, column: null, message: 'is nested too deeply to be read' }]
    if (!(error instanceof SyntaxError)) throw error
    const at = / at position (\d+)/.exec(error.message)?.[1]
    const offset = at === undefined ? text.length : Number(at)
    const before = text.slice(0, offset).split('\n')
    const message = error.message
      .replace(/,? (in JSON )?at position .*$/, '')
      .replace(/,? ?(\.\.\.)?".*is not valid JSON$/s, '')
    return [{ path, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, message }]
  }
}
