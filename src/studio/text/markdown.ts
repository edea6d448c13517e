import type { Root, RootContent } from 'mdast'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { unified } from 'unified'
import { maskHostile } from './hostile.ts'
import { safeUrl } from './words.ts'

/**
 * Size of the text parsed at once. The parser takes about a millisecond per kilobyte, so a step
 * stays well below 100 ms.
 */
const windowCharacters = 8_192
/** Windows with very short lines are smaller, as the number of lines then costs more than their length. */
const minCharactersPerLine = 20
/** A longer single block is cut: a list between two items, all others at a line's end. */
const maxBlockCharacters = 16_384
/**
 * Minimum length of a cut block; lists and tables are cut between their items and rows, where
 * no construct spans the cut.
 */
const minCutCharacters = 12_288
/** Longer lines are truncated: they are not markup but encoded data, or a document without line breaks. */
const maxLineCharacters = 8_192
const maxDefinitions = 20_000

const parser = unified().use(remarkParse).use(remarkGfm).freeze()

/** Consecutive whole top-level blocks of a document. */
export interface MarkdownWindow {
  readonly nodes: readonly RootContent[]
  /** Addresses of the reference links in these blocks, by the identifier the parser gives them. */
  readonly targets: ReadonlyMap<string, string>
  /** Maps an offset of a node to the offset in the document's text. */
  readonly toOffset: (parsed: number) => number
  /** Whether the parser saw this block exactly as in the document: neither masked, nor shortened, nor cut. */
  readonly isWhole: (node: RootContent) => boolean
  /** Number of characters processed up to the end of this window. */
  readonly done: number
}

/**
 * Parses one self-contained piece of Markdown (GFM), guarded against input crafted to be slow; null
 * bytes must have been removed.
 */
export function parseMarkdown(text: string): Root {
  return parser.parse(maskHostile(text))
}

/**
 * Parses a document window by window, so that the caller may pause between any two of them. A
 * window ends where a top-level block begins after an empty line: there the parser's state is the
 * same as at the start of a document, so the result is the same as parsing the whole document at
 * once (a property test compares the two). A single block over 16 KiB is the exception; it is cut.
 *
 * @param text - normalised text (see `normalizeText`)
 */
export function* parseInWindows(text: string): Generator<MarkdownWindow, void> {
  const { short, toOriginal } = shortenLines(text)
  const definitions = findDefinitions(short)
  let start = skipEmptyLines(short, 0)
  let size = windowCharacters
  while (start < short.length) {
    const end = endOfWindow(short, start, size)
    const body = short.slice(start, end)
    const prefix = definitionsUsedIn(body, definitions)
    const masked = maskHostile(body)
    const { children } = parser.parse(prefix + masked)
    const nodes = children.filter((node) => offsetOf(node) >= prefix.length)
    const toParsed = start - prefix.length
    const isLast = end === short.length
    let cut = isLast ? { count: nodes.length, next: end } : findCut(nodes, short, toParsed, end)
    if (cut === undefined && size >= maxBlockCharacters)
      cut = cutLongBlock(nodes, short, toParsed) ?? { count: nodes.length, next: end }
    const toOffset = (parsed: number) => toOriginal(parsed + toParsed)
    const isWhole = (node: RootContent): boolean => {
      const from = offsetOf(node)
      const to = node.position?.end.offset ?? from
      const isCut = node.type !== 'list' && node.type !== 'table' && to - from >= minCutCharacters
      const isMasked =
        masked.slice(from - prefix.length, to - prefix.length) !== body.slice(from - prefix.length, to - prefix.length)
      return !isCut && !isMasked && toOffset(to) - toOffset(from) === to - from
    }
    if (cut === undefined) {
      size *= 2
      yield { nodes: [], targets: new Map(), toOffset, isWhole, done: toOriginal(start) }
      continue
    }
    start = skipEmptyLines(short, cut.next)
    size = windowCharacters
    const targets = children.flatMap((node) =>
      node.type === 'definition' ? [[node.identifier, node.url] as const] : [],
    )
    yield { nodes: nodes.slice(0, cut.count), targets: new Map(targets), toOffset, isWhole, done: toOriginal(start) }
  }
}

// A manual loop: a regular expression over millions of empty lines overflows the stack.
function skipEmptyLines(text: string, from: number): number {
  let lineStart = from
  for (let at = from; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\n') lineStart = at + 1
    else if (character !== ' ' && character !== '\t') return lineStart
  }
  return text.length
}

function endOfWindow(text: string, start: number, size: number): number {
  let end = start
  for (let lines = size / minCharactersPerLine; lines > 0 && end < start + size && end < text.length; lines -= 1)
    end = endOfLine(text, end)
  return end
}

function offsetOf(node: RootContent): number {
  return node.position?.start.offset ?? 0
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from)
  return newline === -1 ? text.length : newline + 1
}

/**
 * Returns how many of the nodes are final, and where the next window begins; undefined when a
 * longer window is needed.
 */
function findCut(
  nodes: readonly RootContent[],
  text: string,
  toDocument: number,
  end: number,
): { count: number; next: number } | undefined {
  for (let index = nodes.length - 1; index >= 1; index -= 1) {
    const node = nodes[index]
    const at = node === undefined ? 0 : offsetOf(node) + toDocument
    if (node !== undefined && text[at - 1] === '\n' && isFreshStart(node, nodes[index - 1], text, at))
      return { count: index, next: at }
  }
  const [only] = nodes
  if (only === undefined) return { count: 0, next: end }
  const isClosed = only.type === 'paragraph' || only.type === 'heading' || only.type === 'thematicBreak'
  if (nodes.length === 1 && isClosed && /\n[ \t]*\n[ \t]*$/.test(text.slice(Math.max(0, end - 200), end)))
    return { count: 1, next: end }
  if (nodes.length > 1) return undefined
  // The remaining rows are read as a paragraph: they cannot contain a heading, and tables are the
  // slowest to parse.
  if (only.type === 'table') return { count: 1, next: end }
  const next = endOfOpenBlock(text, offsetOf(only) + toDocument, end)
  return next === undefined ? undefined : { count: 1, next }
}

/**
 * Whether a block cannot belong to the previous one. False when its first line might, e.g. as a
 * definition's title.
 */
function isFreshStart(node: RootContent, before: RootContent | undefined, text: string, at: number): boolean {
  if (text[at - 2] === '\n' || node.type === 'code' || node.type === 'html') return true
  if (node.type === 'heading') return text[at] === '#'
  return before?.type === 'heading' || before?.type === 'thematicBreak' || before?.type === 'code'
}

/**
 * Defers the last block, or the last item of a long list, to the next window. Cutting at any line
 * instead could turn the closing fence of a code block into an opening one, which would swallow the
 * following text.
 */
function cutLongBlock(
  nodes: RootContent[],
  text: string,
  toDocument: number,
): { count: number; next: number } | undefined {
  const list = nodes.at(-1)
  const start = list === undefined ? 0 : offsetOf(list) + toDocument
  if (nodes.length > 1 && text[start - 1] === '\n') return { count: nodes.length - 1, next: start }
  if (list?.type !== 'list' || list.children.length < 2) return undefined
  const next = (list.children.at(-1)?.position?.start.offset ?? 0) + toDocument
  if (text[next - 1] !== '\n') return undefined
  nodes[nodes.length - 1] = { ...list, children: list.children.slice(0, -1) }
  return { count: nodes.length, next }
}

const openHtml: readonly { readonly begin: RegExp; readonly end: RegExp }[] = [
  { begin: /^<!--/, end: /-->/g },
  { begin: /^<(script|pre|style|textarea)[\s>]/i, end: /<\/(script|pre|style|textarea)>/gi },
]

/**
 * Returns the end of a fenced code block or an HTML block that fills the whole window; such blocks
 * may contain megabytes.
 */
function endOfOpenBlock(text: string, start: number, end: number): number | undefined {
  const head = text.slice(start, start + 200)
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(head)?.[1]
  if (fence !== undefined) {
    const closing = new RegExp(`^ {0,3}${fence[0] ?? ''}{${fence.length},}[ \\t]*$`, 'gm')
    closing.lastIndex = endOfLine(text, start)
    const found = closing.exec(text)
    return Math.max(end, found === null ? text.length : endOfLine(text, closing.lastIndex))
  }
  const html = openHtml.find(({ begin }) => begin.test(head.trimStart()))
  if (html === undefined) return undefined
  html.end.lastIndex = start
  const found = html.end.exec(text)
  return Math.max(end, found === null ? text.length : endOfLine(text, html.end.lastIndex))
}

/** Truncates over-long lines, and maps offsets back to the original. */
function shortenLines(text: string): { short: string; toOriginal: (offset: number) => number } {
  const cuts: { at: number; removed: number }[] = []
  const parts: string[] = []
  let removed = 0
  let from = 0
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const keptEnd = start + maxLineCharacters / 2
    if (end - start > maxLineCharacters) {
      parts.push(text.slice(from, keptEnd))
      cuts.push({ at: keptEnd - removed, removed: end - keptEnd })
      removed += end - keptEnd
      from = end
    }
    start = end + 1
  }
  const short = parts.join('') + text.slice(from)
  let index = 0
  let before = 0
  let last = 0
  return {
    short,
    // Nearly all calls come in ascending order; a smaller offset restarts the walk.
    toOriginal(offset) {
      if (offset < last) {
        index = 0
        before = 0
      }
      last = offset
      for (let cut = cuts[index]; cut !== undefined && cut.at < offset; cut = cuts[index]) {
        before += cut.removed
        index += 1
      }
      return offset + before
    },
  }
}

/**
 * Collects the definitions of reference links by label: a definition may be megabytes after its
 * use. The first definition of a label wins.
 */
function findDefinitions(text: string): ReadonlyMap<string, string> {
  const definitions = new Map<string, string>()
  for (const [, label = '', url = ''] of text.matchAll(
    /^ {0,3}\[(?!\^)([^\]\n]{1,200})\]:[ \t]*(?:\n[ \t]*)?<?([^\s<>]+)>?/gm,
  )) {
    if (definitions.size >= maxDefinitions) break
    const key = labelKey(label)
    const safe = safeUrl(url)
    if (safe !== undefined && !definitions.has(key)) definitions.set(key, safe)
  }
  return definitions
}

function labelKey(label: string): string {
  return label.replace(/\s+/g, ' ').trim().toLowerCase()
}

/**
 * Returns the definitions referenced by a piece of Markdown, as Markdown that ends with an empty
 * line; '' when there are none.
 */
function definitionsUsedIn(text: string, definitions: ReadonlyMap<string, string>): string {
  if (definitions.size === 0) return ''
  const used = new Map<string, string>()
  for (const [, label = ''] of text.matchAll(/\[([^[\]]{1,200})\](?!:)/g)) {
    const url = definitions.get(labelKey(label))
    if (url !== undefined) used.set(labelKey(label), url)
  }
  return used.size === 0 ? '' : `${[...used].map(([label, url]) => `[${label}]: <${url}>`).join('\n')}\n\n`
}

/** Finds the definitions of a whole document once, and appends the referenced ones to pieces of it. */
export function createDefinitionAppender(text: string): (piece: string) => string {
  const definitions = findDefinitions(text)
  return (piece) => {
    const own = findDefinitions(piece)
    const missing = definitionsUsedIn(piece, definitions)
      .split('\n')
      .filter((line) => line !== '' && !own.has(labelKey(/^\[(.*?)\]: </.exec(line)?.[1] ?? '')))
    return missing.length === 0 ? piece : `${piece}\n\n${missing.join('\n')}`
  }
}
