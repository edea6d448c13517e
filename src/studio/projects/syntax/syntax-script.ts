import { type AnyNode, type Node, Parser, type Position } from 'acorn'
import type { FileProblem } from '../project.ts'
import { createLocator } from './syntax-locator.ts'
import { checkImport } from './syntax-reference.ts'

/** How a script is run, which determines its syntax. */
type ScriptGoal = 'script' | 'module'

/**
 * Checks a script and the files that it imports. Reports at most one syntax error, as a parser
 * cannot recover reliably after the first.
 *
 * @param options.goal - undefined for a file that may be used either way: it is invalid only if it
 *   is neither
 * @param options.paths - the files of the project
 * @param options.onModule - called when the file is valid only as a module
 */
export function checkScript(
  path: string,
  text: string,
  {
    goal,
    paths,
    onModule,
  }: {
    readonly goal: ScriptGoal | undefined
    readonly paths: ReadonlySet<string>
    readonly onModule?: () => void
  },
): FileProblem[] {
  if (goal !== undefined) return parse(path, text, { goal, paths })
  const asScript = parse(path, text, { goal: 'script', paths })
  if (asScript.every(({ isSyntax }) => !isSyntax)) return asScript
  const asModule = parse(path, text, { goal: 'module', paths })
  if (asModule.every(({ isSyntax }) => !isSyntax)) {
    onModule?.()
    return asModule
  }
  // The parse that got further most likely has the right goal.
  return (asModule[0]?.line ?? 0) > (asScript[0]?.line ?? 0) ? asModule : asScript
}

/** Returns the literal specifiers of all static and dynamic imports. Not recursive: the author controls the depth. */
function importsOf(program: Node): { readonly specifier: string; readonly at: Position | undefined }[] {
  const imports: { readonly specifier: string; readonly at: Position | undefined }[] = []
  const open: unknown[] = [program]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) open.push(...value.toReversed())
    if (typeof value !== 'object' || value === null || !('type' in value)) continue
    const node = value as AnyNode
    if ('source' in node && node.source?.type === 'Literal' && typeof node.source.value === 'string')
      imports.push({ specifier: node.source.value, at: node.source.loc?.start })
    open.push(...Object.values(node).filter((child) => typeof child === 'object' && child !== null))
  }
  return imports
}

function parse(
  path: string,
  text: string,
  { goal: sourceType, paths }: { readonly goal: ScriptGoal; readonly paths: ReadonlySet<string> },
): (FileProblem & { readonly isSyntax: boolean })[] {
  try {
    const program = Parser.parse(text, { ecmaVersion: 'latest', sourceType, allowHashBang: true, locations: true })
    return importsOf(program).flatMap(({ specifier, at }) =>
      checkImport(path, specifier, paths).map((message) => ({
        path,
        line: at?.line ?? null,
        column: at === undefined ? null : at.column + 1,
        message,
        isSyntax: false,
      })),
    )
  } catch (error) {
    if (error instanceof RangeError)
      return [{ path, line: null, column: null, message: 'is nested too deeply to be read', isSyntax: true }]
    if (!(error instanceof SyntaxError)) throw error
    const { loc } = error as SyntaxError & { readonly loc?: Position }
    return [
      {
        path,
        line: loc?.line ?? null,
        column: loc === undefined ? null : loc.column + 1,
        message: error.message.replace(/ \(\d+:\d+\)$/, ''),
        isSyntax: true,
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
    const message = error.message
      .replace(/,? (in JSON )?at position .*$/, '')
      .replace(/,? ?(\.\.\.)?".*is not valid JSON$/s, '')
    return [createLocator(path, text)(offset, message)]
  }
}
