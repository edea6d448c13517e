import { type DefaultTreeAdapterTypes, type ParserError, parse } from 'parse5'
import type { FileProblem } from '../project.ts'
import { checkReference } from './syntax-reference.ts'
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
/** The relations, besides `stylesheet`, of links to files that a page loads. */
const loadingRelations = new Set(['icon', 'apple-touch-icon', 'manifest', 'preload', 'modulepreload'])
const scriptTypes = /^(|module|text\/javascript|application\/javascript)$/i
const maxProblems = 20

/**
 * Finds problems in a page: parse errors, unclosed elements, problems in its inline scripts and
 * styles, external scripts and styles, which no preview loads, and references to missing files.
 *
 * @param paths - the files of the project
 * @param modules - those that can only be loaded as modules
 */
export function checkPage(
  path: string,
  text: string,
  { paths, modules }: { readonly paths: ReadonlySet<string>; readonly modules: ReadonlySet<string> },
): FileProblem[] {
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
    if ('tagName' in node) problems.push(...checkElement(path, text, node, { paths, modules }))
    if ('childNodes' in node) open.push(...node.childNodes.toReversed())
    if (node.nodeName === 'template' && 'content' in node) open.push(node.content)
  }
  return problems.slice(0, maxProblems).sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

function checkElement(
  path: string,
  text: string,
  element: Element,
  { paths, modules }: { readonly paths: ReadonlySet<string>; readonly modules: ReadonlySet<string> },
): FileProblem[] {
  const { tagName, sourceCodeLocation: place } = element
  // An element implied by the parser.
  if (place === null || place === undefined) return []
  const at = (message: string): FileProblem => ({ path, line: place.startLine, column: place.startCol, message })
  const start = text.slice(place.startTag?.startOffset ?? 0, place.startTag?.endOffset ?? 0)
  const isClosed = place.endTag !== undefined || endless.has(tagName) || start.endsWith('/>')
  if (!isClosed) return [at(`<${tagName}> is never closed`)]
  const attribute = (name: string): string | undefined =>
    element.attrs.find((candidate) => candidate.name === name)?.value
  if (tagName === 'script') {
    const type = attribute('type')?.trim() ?? ''
    if (!scriptTypes.test(type)) return []
    const source = attribute('src')
    const goal = type.toLowerCase() === 'module' ? 'module' : 'script'
    if (source === undefined) return within(element, (inner) => checkScript(path, inner, { goal, paths }))
    const problems = checkReference(path, source, paths)
    const isMisused = problems.length === 0 && goal === 'script' && modules.has(resolve(path, source))
    if (isMisused) problems.push(`“${source}” uses import or export; load it with type="module"`)
    return problems.map(at)
  }
  if (tagName === 'style') return within(element, (inner) => checkStyle(path, inner, paths))
  if (tagName === 'link') {
    const relations = attribute('rel')?.toLowerCase().split(/\s+/) ?? []
    if (relations.includes('stylesheet')) return checkReference(path, attribute('href') ?? '', paths).map(at)
    // Other links lead to pages, such as canonical and next.
    if (!relations.some((relation) => loadingRelations.has(relation))) return []
  }
  return referencesOf(element).flatMap((reference) =>
    checkReference(path, reference, paths, { isExternalAllowed: true }).map(at),
  )
}

/** The attributes with the address of a file that a page shows or plays. */
const mediaAttributes: Readonly<Record<string, readonly string[]>> = {
  img: ['src'],
  source: ['src'],
  video: ['src', 'poster'],
  audio: ['src'],
  track: ['src'],
  iframe: ['src'],
  embed: ['src'],
  object: ['data'],
  input: ['src'],
  link: ['href'],
}

/** Returns the addresses of the files that an element shows or plays. */
function referencesOf({ tagName, attrs }: Element): string[] {
  const names = mediaAttributes[tagName] ?? []
  return attrs.flatMap(({ name, value }) => {
    if (names.includes(name)) return value.trim() === '' ? [] : [value.trim()]
    if (name !== 'srcset' || (tagName !== 'img' && tagName !== 'source')) return []
    // The commas of a data URL are not separators.
    if (value.includes('data:')) return []
    return value.split(',').flatMap((candidate) => candidate.trim().split(/\s+/)[0] || [])
  })
}

/** Returns the name of the file that a valid reference leads to. */
function resolve(path: string, reference: string): string {
  return decodeURIComponent(new URL(reference, new URL(path, 'http://project.invalid/')).pathname.slice(1))
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
