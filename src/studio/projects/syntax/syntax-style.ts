import { parse, tokenize, tokenNames } from 'css-tree'
import type { FileProblem } from '../project.ts'
import { createLocator } from './syntax-locator.ts'
import { checkReference } from './syntax-reference.ts'

/** More problems are not useful at once. */
const maxProblems = 20
const pairs: Readonly<Record<string, string>> = { '}': '{', ']': '[', ')': '(' }

/** Checks a style sheet, and the files of the project that it refers to. */
export function checkStyle(path: string, text: string, paths: ReadonlySet<string>): FileProblem[] {
  const problems: FileProblem[] = []
  const add = (line: number | null, column: number | null, message: string): void => {
    // A single mistake makes the parser report several errors on the same line.
    if (problems.length < maxProblems && problems.at(-1)?.line !== line) problems.push({ path, line, column, message })
  }
  try {
    parse(text, {
      positions: true,
      parseCustomProperty: false,
      onParseError: ({ message, line, column }: CssError) => {
        const isDeep = line === undefined || column === undefined
        add(isDeep ? null : line, isDeep ? null : column, isDeep ? 'is nested too deeply to be read' : message)
      },
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    add(null, null, 'is nested too deeply to be read')
  }
  const syntax = problems.length > 0 ? problems : checkBrackets(path, text)
  return syntax.length > 0 ? syntax : checkUrls(path, text, paths)
}

/** Reports references to files that the project does not have. */
function checkUrls(path: string, text: string, paths: ReadonlySet<string>): FileProblem[] {
  const at = createLocator(path, text)
  const problems: FileProblem[] = []
  tokenize(text, (type, start, end) => {
    if (problems.length >= maxProblems) return
    const token = text.slice(start, end)
    const isFunction = tokenNames[type] === 'function-token' && /^url\($/i.test(token)
    // `url("a.svg")` is a function with a string, `url(a.svg)` one token.
    const reference = isFunction
      ? /^\s*(["'])(.*?)\1/s.exec(text.slice(end, end + 2_000))?.[2]
      : tokenNames[type] === 'url-token'
        ? token.slice(4, -1).trim()
        : undefined
    if (reference === undefined || reference === '' || reference.startsWith('#')) return
    for (const message of checkReference(path, reference, paths, { isExternalAllowed: true }))
      problems.push(at(start, message))
  })
  return problems
}

interface CssError {
  readonly message: string
  readonly line?: number
  readonly column?: number
}

/**
 * Reports brackets left open: browsers close them at the end of the file, which is not what the
 * author intended.
 */
function checkBrackets(path: string, text: string): FileProblem[] {
  const at = createLocator(path, text)
  const open: { readonly sign: string; readonly offset: number }[] = []
  tokenize(text, (type, start, end) => {
    const sign = text.slice(start, end)
    const name = tokenNames[type]
    if (name === 'function-token' || name === '(-token') open.push({ sign: '(', offset: end - 1 })
    else if (name === '{-token' || name === '[-token') open.push({ sign, offset: start })
    else if (pairs[sign] !== undefined && open.at(-1)?.sign === pairs[sign]) open.pop()
  })
  return open.slice(0, maxProblems).map(({ sign, offset }) => at(offset, `“${sign}” is never closed`))
}
