import { type DefaultTreeAdapterTypes, type ParserError, parse } from 'parse5'
import type { FileProblem } from './project.ts'
import { checkScript } from './syntax-script.ts'
import { checkStyle } from './syntax-style.ts'

type Element = DefaultTreeAdapterTypes.Element
type Node = DefaultTreeAdapterTypes.Node

/** What browsers agree about and authors may well have meant. */
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
 * What is wrong with a page: what breaks it, elements that are never closed, scripts and styles within it, and scripts and
 * styles that are not part of the project, which no preview loads.
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
  // A tag that was misread takes others with it: those problems would be no one's.
  if (problems.length > 0) return problems.slice(0, maxProblems)
  // Not by recursion: nesting is the author's.
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
  // Made up by the parser.
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

/** Problems of a text within the page, at their places in the page. */
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

/** Why a script or style that the page asks for cannot be had. */
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
    // Not an address of any file.
    name = pathname
  }
  return paths.has(name) ? [] : [`“${reference}” is not among the project’s files`]
}
