import { type DefaultTreeAdapterTypes, type ParserError, parse } from 'parse5'
import type { FileProblem } from './project.ts'
import { checkScript } from './syntax-script.ts'
import { checkStyle } from './syntax-style.ts'

type Element = DefaultTreeAdapterTypes.Element
type Node = DefaultTreeAdapterTypes.Node

/** Parse errors that browsers handle alike and authors may have intended. */
const harmless = new Set([
  'missing-doctype',
  'non-conforming-doctype',
  'non-void-html-element-start-tag-with-trailing-solidus',
  'missing-semicolon-after-character-reference',
  'unknown-named-character-reference',
  'control-character-in-input-stream',
  'noncharacter-in-input-stream',
])
const endless = new Set(
  'area base br col embed hr img input link meta param source track wbr html head body p li dt dd option optgroup thead tbody tfoot tr td th colgroup caption rt rp'.split(
    ' ',
  ),
)
const scriptTypes = /^(|module|text\/javascript|application\/javascript)$/i
const maxProblems = 20

/**
 * Finds problems in a page: parse errors, unclosed elements, problems in its inline scripts and
 * styles, and external scripts and styles, which no preview loads.
 *
 * @param paths - the files of the project
 */
export function checkPage(path: string, text: string, paths: ReadonlySet<string>): FileProblem[] {
  const problems: FileProblem[] = []
  const onParseError = ({ code, startLine, startCol }: ParserError): void => {
    if (!harmless.has(code))
      problems.push({ path, line: startLine, column: startCol, message: code.replaceAll('-', ' ') })
  }
  const page = parse(text, { sourceCodeLocationInfo: true, onParseError })
  // After a parse error, further problems would only be consequences of it.
  if (problems.length > 0) return problems.slice(0, maxProblems)
  // Not recursive: the author controls the nesting depth.
  const open: Node[] = [page]
  for (let node = open.pop(); node !== undefined && problems.length < maxProblems; node = open.pop()) {
    if ('tagName' in node) problems.push(...checkElement(path, text, node, paths))
    if ('childNodes' in node) open.push(...node.childNodes.toReversed())
    if (node.nodeName === 'template' && 'content' in node) open.push(node.content)
  }
  return problems.slice(0, maxProblems).sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

function checkElement(path: string, text: string, element: Element, paths: ReadonlySet<string>): FileProblem[] {
  const { tagName, sourceCodeLocation: place } = element
  // An element implied by the parser.
  if (place === null || place === undefined) return []
  const at = (message: string): FileProblem => ({ path, line: place.startLine, column: place.startCol, message })
  const start = text.slice(place.startTag?.startOffset ?? 0, place.startTag?.endOffset ?? 0)
  const isClosed = place.endTag !== undefined || endless.has(tagName) || start.endsWith('/>')
  if (!isClosed) return [at(`<${tagName}> is never closed`)]
  const attribute = (name: string): string | undefined => element.attrs.find((one) => one.name === name)?.value
  if (tagName === 'script') {
    const type = attribute('type')?.trim() ?? ''
    if (!scriptTypes.test(type)) return []
    const source = attribute('src')
    if (source !== undefined) return checkReference(path, source, paths).map(at)
    return within(element, (inner) => checkScript(path, inner, type.toLowerCase() === 'module' ? 'module' : 'script'))
  }
  if (tagName === 'style') return within(element, (inner) => checkStyle(path, inner))
  if (tagName === 'link' && attribute('rel')?.toLowerCase().split(/\s+/).includes('stylesheet') === true)
    return checkReference(path, attribute('href') ?? '', paths).map(at)
  return []
}

/** Checks a text within the page and maps its problems to positions in the page. */
function within(element: Element, check: (text: string) => readonly FileProblem[]): FileProblem[] {
  const [child] = element.childNodes
  if (child === undefined || !('value' in child)) return []
  const { startLine = 1, startCol = 1 } = child.sourceCodeLocation ?? {}
  return check(child.value).map((problem) => {
    const line = problem.line ?? 1
    const column = problem.column === null ? null : line === 1 ? problem.column + startCol - 1 : problem.column
    return { ...problem, line: line + startLine - 1, column }
  })
}

/** Returns why a script or style referenced by the page cannot be loaded. */
function checkReference(path: string, reference: string, paths: ReadonlySet<string>): string[] {
  const base = 'http://project.invalid/'
  if (!URL.canParse(reference, new URL(path, base))) return [`“${reference}” is no address`]
  const { origin, pathname, protocol } = new URL(reference, new URL(path, base))
  if (protocol === 'data:') return []
  if (origin !== new URL(base).origin)
    return [`“${reference.slice(0, 100)}” is not part of the project, and a preview loads nothing from elsewhere`]
  if (reference.startsWith('/')) return [`“${reference}” begins with /; write it relative to this file`]
  let name: string
  try {
    name = decodeURIComponent(pathname.slice(1))
  } catch {
    // Not a valid percent-encoding.
    name = pathname
  }
  return paths.has(name) ? [] : [`“${reference}” is not among the project’s files`]
}
