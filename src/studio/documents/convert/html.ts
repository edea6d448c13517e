import type { Element, ElementContent } from 'hast'
import type { Root as Markdown } from 'mdast'
import { type DefaultTreeAdapterTypes, parse, parseFragment } from 'parse5'
import rehypeRemark from 'rehype-remark'
import rehypeSanitize, { defaultSchema, type Options } from 'rehype-sanitize'
import remarkGfm from 'remark-gfm'
import remarkStringify from 'remark-stringify'
import { unified } from 'unified'
import { type MathNode, writeMath } from '../docx/math.ts'
import type { MainContent, MainElements } from '../main-content/page.ts'
import type { TextRange } from '../structure/structure.ts'
import {
  type DecodedText,
  decodeBytes,
  decodeMarked,
  decodeStrictly,
  decodeText,
  normalizeText,
} from '../structure/structure-decode.ts'
import { DocumentError } from '../structure/structure-error.ts'
import { prepareList } from './html-list.ts'
import { prepareTable } from './html-table.ts'

/** An HTML page as Markdown that is safe to show. */
interface HtmlText {
  readonly markdown: string
  /** Ranges of the Markdown that are not main content, in order. */
  readonly asides: readonly TextRange[]
  /** The page's own title; '' when it has none. */
  readonly title: string
  /** Whether the page has a heading of the first level. */
  readonly hasHeading: boolean
  readonly images: number
  /** Other omissions, as sentences. */
  readonly notes: readonly string[]
}

/** Dropped with their content: they contain no text, or none for a reader. */
const droppedTags = new Set([
  ...['script', 'style', 'template', 'noscript', 'iframe', 'object', 'embed', 'applet', 'frame', 'frameset'],
  ...['input', 'button', 'select', 'textarea', 'datalist', 'nav', 'canvas', 'link', 'meta', 'base'],
])
const pictures = new Set(['img', 'image', 'picture', 'svg', 'video', 'audio', 'map'])
/** What their text says is not for a reader, or names a picture. */
const withoutText = new Set(['script', 'style', 'title', 'desc', 'metadata'])
const forms = new Set(['input', 'button', 'select', 'textarea'])

/** Blocks without a Markdown equivalent: their text is a block of its own. */
const otherBlocks = new Set([
  ...['address', 'article', 'aside', 'center', 'dialog', 'dir', 'fieldset', 'figcaption', 'figure', 'footer', 'form'],
  ...['header', 'hgroup', 'legend', 'listing', 'main', 'marquee', 'menu', 'search', 'xmp'],
])

const schema: Options = {
  ...defaultSchema,
  tagNames: (defaultSchema.tagNames ?? []).filter((name) => name !== 'img' && name !== 'input'),
  protocols: { href: ['http', 'https', 'mailto'] },
  attributes: { a: ['href'], ol: ['start'], td: ['align'], th: ['align'], code: [['className', /^language-./]] },
}
/** Other elements are replaced with their content. */
const keptTags = new Set([...(schema.tagNames ?? []), ...otherBlocks, 'caption'])
const createWriter = (bullet: '-' | '*', bulletOrdered: '.' | ')') =>
  unified()
    .use(rehypeSanitize, schema)
    .use(rehypeRemark)
    // Cells are not padded: with one long cell, a table would grow by its length in every row.
    .use(remarkGfm, { tablePipeAlign: false })
    .use(remarkStringify, { bullet, bulletOrdered, rule: '-', fences: true })
    .freeze()
const writer = createWriter('-', '.')
/** Writes lists with other signs, as they would be joined with an adjacent list of the main content. */
const asideWriter = createWriter('*', ')')

/** Without meaning in Markdown: their children are converted separately, in sequence. */
const wrappers = new Set([
  ...['html', 'head', 'body', 'main', 'div', 'section', 'article', 'header', 'footer', 'center', 'form', 'aside'],
])
/** Without meaning around blocks: those that contain blocks are wrappers, as are custom elements. */
const inlines = new Set([
  ...['abbr', 'b', 'bdi', 'bdo', 'big', 'cite', 'em', 'font', 'i', 'ins', 'label', 'mark', 'nobr', 'slot', 'small'],
  ...['span', 'strong', 'sub', 'sup', 'tt', 'u'],
])
/** Elements at which a new part may begin: splitting elsewhere could join two adjacent lists. */
const beginnings = /^(h[1-6]|p|pre|table|hr)$/
/** Number of nodes converted at once. */
const partSize = 2_000
/** Blocks that are written as such; other elements belong to the text around them. */
const blocks = new Set([
  ...[
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'p',
    'pre',
    'table',
    'hr',
    'ul',
    'ol',
    'dl',
    'blockquote',
    'figure',
    'details',
  ],
  ...otherBlocks,
])
/** The links beside the headings of a MediaWiki page. */
const editLink = /(^|\s)mw-editsection(\s|$)/

type Page = DefaultTreeAdapterTypes.Document
type Parsed = DefaultTreeAdapterTypes.ChildNode
type ParsedParent = DefaultTreeAdapterTypes.ParentNode
type Template = DefaultTreeAdapterTypes.Template
type ParsedElement = DefaultTreeAdapterTypes.Element

interface Findings {
  images: number
  forms: number
  navigation: number
  /** Number of other elements that were dropped with text. */
  withText: number
  title: string
  hasHeading: boolean
  /** Number of nodes processed. */
  nodes: number
}

/** A part of a page, all of it main content or none of it. */
interface Part {
  readonly children: readonly Element[]
  readonly isMain: boolean
}

/**
 * Converts HTML to Markdown, without scripts, pictures, forms and navigation, and with only http,
 * https and mailto links. Works in parts, so that a large page is not in memory in
 * every representation at once; blocks while converting a part.
 *
 * @param findMain - finds the main content; without it, and when it finds none, all but the footers is main content
 * @returns yields percent and returns the text
 * @throws RangeError when its elements are nested too deeply
 */
export function* htmlToMarkdown(
  html: string,
  findMain: (page: Page) => MainContent = () => ({}),
): Generator<number, HtmlText, void> {
  const findings: Findings = { images: 0, forms: 0, navigation: 0, withText: 0, title: '', hasHeading: false, nodes: 0 }
  const page = parse(html)
  const total = countNodes(page)
  const texts: string[] = []
  const asides: TextRange[] = []
  let length = 0
  yield parsedPercent
  const { elements: main, note } = findMain(page)
  for (const { children, isMain } of partsOf(page, main, findings)) {
    const own = isMain ? writer : asideWriter
    const markdown = own.runSync({ type: 'root', children: [...children] }) as Markdown
    // Normalized here, so that the ranges remain valid.
    const text = normalizeText(own.stringify(markdown)).trim()
    if (text !== '') {
      texts.push(text)
      if (!isMain) asides.push({ start: length, end: length + text.length })
      length += text.length + separator.length
    }
    yield parsedPercent + (findings.nodes / total) * (100 - parsedPercent)
  }
  return {
    markdown: `${texts.join(separator)}\n`,
    asides,
    title: findings.title,
    hasHeading: findings.hasHeading,
    images: findings.images,
    notes: [
      ...(note === undefined ? [] : [note]),
      ...(findings.forms > 0 ? ['Form fields were left out.'] : []),
      ...(findings.navigation > 0 ? ['Navigation was left out.'] : []),
      ...(findings.withText > 0 ? ['Text in pictures, embedded objects or hidden elements was left out.'] : []),
    ],
  }
}

const separator = '\n\n'
/** The measured share of parsing in the total time. */
const parsedPercent = 35

function countNodes(page: Page): number {
  let count = 1
  const open: Parsed[] = [...page.childNodes]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    count += 1
    if ('childNodes' in node) for (const child of node.childNodes) open.push(child)
  }
  return count
}

/**
 * Splits a page into parts: runs of content, each a block of its own, several to a part. Consumes
 * the page.
 */
function* partsOf(page: Page, main: MainElements | undefined, findings: Findings): Generator<Part, void, void> {
  const withBlocks = findBlockParents(page)
  const isWrapper = (node: ParsedElement): boolean =>
    (wrappers.has(node.tagName) || (withBlocks.has(node) && isInline(node))) && !isHidden(node)
  let part: Element[] = []
  let isMainPart = true
  let stretch: ElementContent[] = []
  let begunAt = 0
  /** Text and the elements in it: they are main content together or not at all. */
  let line: Parsed[] = []
  let isMainLine: boolean | undefined
  const endStretch = (): void => {
    if (stretch.length > 0) part.push({ type: 'element', tagName: 'div', properties: {}, children: stretch })
    stretch = []
  }
  const endPart = (): Part => {
    endStretch()
    const endedPart: Part = { children: part, isMain: isMainPart }
    part = []
    begunAt = findings.nodes
    return endedPart
  }
  function* add(nodes: readonly Parsed[], isMain = isMainPart): Generator<Part, void, void> {
    const [first] = nodes
    const isFull = first !== undefined && isElement(first) && beginnings.test(first.tagName)
    if (isMain !== isMainPart || (isFull && findings.nodes - begunAt >= partSize)) yield endPart()
    isMainPart = isMain
    for (const node of nodes) append(stretch, tidy(node, findings))
  }
  function* endLine(): Generator<Part, void, void> {
    yield* add(line, isMainLine)
    line = []
    isMainLine = undefined
  }
  function* visit(parent: { childNodes: Parsed[] }, isMainParent: boolean): Generator<Part, void, void> {
    // Nodes are removed from the end and detached from the tree, so that converted ones can be
    // garbage-collected.
    const rest = parent.childNodes.reverse()
    parent.childNodes = []
    for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
      if (isElement(node) && isWrapper(node)) {
        findings.nodes += 1
        yield* endLine()
        endStretch()
        yield* visit(node, main === undefined ? isMainParent && node.tagName !== 'footer' : main.has(node))
        yield* endLine()
        endStretch()
        continue
      }
      const isMain = isElement(node) && main !== undefined ? hasMain(node, main) : isMainParent
      if (isElement(node) && blocks.has(node.tagName)) {
        if (/^h\d$/.test(node.tagName)) rest.push(...takeEditLinks(node).reverse())
        yield* endLine()
        // A block without text, such as a rule, belongs to what is before it.
        yield* add([node], isShown(node) ? isMain : isMainPart)
        // It may not be written: what is on both sides of it is not one line.
        if (!isShown(node)) endStretch()
        continue
      }
      line.push(node)
      if (isShown(node)) isMainLine = isMainLine === true || (isMain && !isEditLink(node))
    }
  }
  yield* visit(page, main === undefined)
  yield* endLine()
  yield endPart()
}

/** Whether an element has no meaning around blocks. */
function isInline(node: ParsedElement): boolean {
  return inlines.has(node.tagName) || node.tagName.includes('-') || (node.tagName === 'a' && !isLink(node))
}

/** Finds the elements outside blocks that contain blocks. */
function findBlockParents(page: Page): ReadonlySet<ParsedParent> {
  const parents = new Set<ParsedParent>()
  const open: Parsed[] = [...page.childNodes]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!isElement(node) || droppedTags.has(node.tagName) || pictures.has(node.tagName) || isHidden(node)) continue
    const isWrapper = wrappers.has(node.tagName)
    if (isWrapper || blocks.has(node.tagName)) {
      // The parents of a wrapper were added when it was reached.
      for (let parent = node.parentNode; parent !== null && isElement(parent); parent = parent.parentNode) {
        if (wrappers.has(parent.tagName) || parents.has(parent)) break
        parents.add(parent)
      }
      if (!isWrapper) continue
    }
    for (const child of node.childNodes) open.push(child)
  }
  return parents
}

function hasMain(element: ParsedElement, main: MainElements): boolean {
  const open: Parsed[] = [element]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!isElement(node)) continue
    if (main.has(node)) return true
    for (const child of node.childNodes) open.push(child)
  }
  return false
}

/** Whether a node has text, and is not dropped. */
function isShown(node: Parsed): boolean {
  if (!isElement(node)) return 'value' in node && node.value.trim() !== ''
  return !droppedTags.has(node.tagName) && node.tagName !== 'title' && !isHidden(node) && hasText([node])
}

const isEditLink = (node: Parsed): boolean => isElement(node) && editLink.test(attribute(node, 'class') ?? '')

/** Removes the edit links of a heading and returns them: they are not part of its text. */
function takeEditLinks(parent: ParsedElement): Parsed[] {
  const links = parent.childNodes.filter(isEditLink)
  if (links.length > 0) parent.childNodes = parent.childNodes.filter((node) => !isEditLink(node))
  return [...links, ...parent.childNodes.filter(isElement).flatMap(takeEditLinks)]
}

const isElement = (node: Parsed | ParsedParent): node is ParsedElement => 'tagName' in node

/** Returns the kept content of a node, with only the attributes listed below. */
function tidy(node: Parsed, findings: Findings): ElementContent[] {
  findings.nodes += 1
  if (!isElement(node)) return 'value' in node ? [{ type: 'text', value: node.value.replace(label, '$1 ') }] : []
  const { tagName } = node
  const properties = propertiesOf(node)
  if (tagName === 'title' && findings.title === '') findings.title = textOf(node).replace(/\s+/g, ' ').trim()
  if (pictures.has(tagName)) {
    findings.images += 1
    if (hasText([node])) findings.withText += 1
    const alt = attribute(node, 'alt') ?? ''
    return [{ type: 'text', value: tagName === 'img' && alt.trim() !== '' ? alt : ' ' }]
  }
  // A link of a heading to itself.
  if (tagName === 'a' && /^[#¶§🔗]$/u.test(textOf(node).trim())) return []
  if (tagName === 'math') return [{ type: 'text', value: ` ${writeMath(toMath(node)).replace(/\s+/g, ' ').trim()} ` }]
  if (forms.has(tagName)) findings.forms += 1
  if (tagName === 'nav') findings.navigation += 1
  const isClosed = tagName === 'dialog' && attribute(node, 'open') === undefined
  if (droppedTags.has(tagName) || tagName === 'title' || isClosed || isHidden(node)) {
    if (tagName !== 'nav' && !forms.has(tagName) && hasText([node])) findings.withText += 1
    // What surrounds a field is not one word.
    return forms.has(tagName) ? [{ type: 'text', value: ' ' }] : []
  }
  if (tagName === 'h1') findings.hasHeading = true
  const children: ElementContent[] = []
  for (const child of node.childNodes) append(children, tidy(child, findings))
  const isEmpty = children.length === 0 && inlines.has(tagName)
  if (isEmpty || !keptTags.has(tagName) || (tagName === 'a' && !isLink(node))) return children
  const element: Element = {
    type: 'element',
    tagName: otherBlocks.has(tagName) ? 'div' : tagName,
    properties,
    children,
  }
  if (tagName === 'table') return prepareTable(element)
  return tagName === 'ol' || tagName === 'ul' ? prepareList(element) : [element]
}

/**
 * Appends nodes, and joins adjacent texts: the writer's time is quadratic in the length of a sequence
 * of nodes without words.
 */
function append(list: ElementContent[], nodes: readonly ElementContent[]): void {
  for (const node of nodes) {
    const last = list.at(-1)
    if (node.type === 'text' && last?.type === 'text') last.value += node.value
    else list.push(node)
  }
}

/** The label of a numbered paragraph of a Word document; see `docx-numbers.ts`. */
const label = /^\s*\ue000([^\ue001]*)\ue001/

/** Removes the label of a list item from its text; undefined when it has none. */
function takeLabel({ childNodes: [first] }: ParsedElement): string | undefined {
  if (first === undefined || isElement(first) || !('value' in first)) return undefined
  const match = label.exec(first.value)
  if (match !== null) first.value = first.value.slice(match[0].length)
  return match?.[1]
}

function toMath(node: ParsedElement): MathNode {
  return {
    name: node.tagName,
    text: textOf(node).replace(/\s+/g, ' '),
    children: node.childNodes.filter(isElement).map(toMath),
    attribute: (name) => attribute(node, name),
  }
}

function propertiesOf(node: ParsedElement): Element['properties'] {
  if (node.tagName === 'a') return { href: attribute(node, 'href') ?? '' }
  if (node.tagName === 'ol') return { start: integerOf(node, 'start'), type: attribute(node, 'type') }
  if (node.tagName === 'li') return { label: takeLabel(node), value: attribute(node, 'value') }
  if (node.tagName === 'code') return { className: attribute(node, 'class')?.split(/\s+/) ?? [] }
  const align = attribute(node, 'align')
  return align !== undefined && /^t[dh]$/.test(node.tagName) ? { align } : {}
}

function integerOf(node: ParsedElement, name: string): number | undefined {
  const value = Number.parseInt(attribute(node, name) ?? '', 10)
  return Number.isNaN(value) ? undefined : value
}

function attribute({ attrs }: ParsedElement, name: string): string | undefined {
  return attrs.find((candidate) => candidate.name === name)?.value
}

/** Whether an anchor has an address; relative ones are meaningless outside the site. */
function isLink(anchor: ParsedElement): boolean {
  return /^\s*(https?|mailto):/i.test(attribute(anchor, 'href') ?? '')
}

function isHidden(node: ParsedElement): boolean {
  return attribute(node, 'hidden') !== undefined || /display\s*:\s*none/i.test(attribute(node, 'style') ?? '')
}

/**
 * Whether nodes contain text for a reader.
 * @param isRaw - whether the parser left them as text: what it leaves as text within them is no
 *   text, or the same text would be parsed at every depth
 */
function hasText(nodes: readonly Parsed[], isRaw = false): boolean {
  const open = [...nodes]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!isElement(node)) {
      if (node.nodeName === '#text' && 'value' in node && node.value.trim() !== '') return true
    } else if (node.tagName === 'noscript' || node.tagName === 'iframe') {
      // The parser leaves the markup in these two as text.
      if (!isRaw && hasText(parseFragment(textOf(node)).childNodes, true)) return true
    } else if (!withoutText.has(node.tagName)) {
      for (const child of node.childNodes) open.push(child)
      // It keeps the content of a template apart.
      if ('content' in node) for (const child of (node as Template).content.childNodes) open.push(child)
    }
  }
  return false
}

function textOf({ childNodes }: ParsedElement): string {
  return childNodes.map((child) => ('value' in child ? child.value : '')).join('')
}

const xmlEncoding = /^\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([\w.:-]{1,40})/i
const metaCharset = /<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})/i

/**
 * Decodes a page: by its byte order mark, by its declared encoding, or like any other text.
 * @throws DocumentError `BAD_ENCODING` when it is not in the declared encoding
 */
export function decodeHtml(bytes: Uint8Array): DecodedText {
  const markedText = decodeMarked(bytes)
  if (markedText !== undefined) return markedText
  const head = decodeBytes(bytes.subarray(0, 8_192))
  // In this order (https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding).
  const declaredCharset = (metaCharset.exec(head) ?? xmlEncoding.exec(head))?.[1]?.toLowerCase()
  // A declaration readable as ASCII cannot be in UTF-16.
  const label = declaredCharset?.startsWith('utf-16') ? 'utf-8' : declaredCharset
  if (label === undefined) return decodeText(bytes)
  const asUtf8 = decodeStrictly('utf-8', bytes)
  const isUnicode = asUtf8 !== undefined && bytes.some((byte) => byte >= 0x80)
  let encoding: string
  try {
    encoding = new TextDecoder(label).encoding
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const { text, notes } = decodeText(bytes)
    return { text, notes: [`The page names the unknown encoding ${JSON.stringify(declaredCharset)}.`, ...notes] }
  }
  if (asUtf8 !== undefined && (isUnicode || encoding === 'utf-8'))
    return {
      text: asUtf8,
      notes: encoding === 'utf-8' ? [] : [`The page says that it is ${encoding} and was read as UTF-8, which it is.`],
    }
  const text = decodeStrictly(encoding, bytes)
  if (text !== undefined) return { text, notes: [] }
  const lenient = new TextDecoder(encoding).decode(bytes)
  const damagedCount = lenient.match(/\ufffd/g)?.length ?? 0
  const intactCount = lenient.match(/[\u0080-\uffef]/g)?.length ?? 0
  if (intactCount > damagedCount * 4)
    return { text: lenient, notes: [`${damagedCount} characters of the page were damaged and are shown as \ufffd.`] }
  throw new DocumentError(
    'BAD_ENCODING',
    `The page says that it is ${encoding.toUpperCase()} and is not`,
    'Open the page in a browser, save it from there, and import that file; or correct the encoding it names.',
  )
}
