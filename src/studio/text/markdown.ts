import type { Nodes, Paragraph, Root, RootContent } from 'mdast'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import { unified } from 'unified'
import { maskHostile } from './hostile.ts'
import { safeUrl } from './text.ts'

/**
 * Size of the text parsed at once. The parser takes about a millisecond per kilobyte, so a step
 * stays well below 100 ms.
 */
const windowCharacters = 8_192
/** Windows with very short lines are smaller, as the number of lines then costs more than their length. */
const minCharactersPerLine = 20
/** A longer paragraph is split into several, because the parser's time is quadratic in its markup. */
const maxParagraphCharacters = 16_384
const maxDefinitions = 20_000

const parser = unified().use(remarkParse).use(remarkGfm).freeze()

/** A range of a text and its replacement. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Consecutive top-level blocks of a document, or a part of a large one. */
export interface MarkdownWindow {
  readonly nodes: readonly RootContent[]
  /** Addresses of the reference links in these blocks, by the identifier the parser gives them. */
  readonly targets: ReadonlyMap<string, string>
  /** Maps an offset of a node to the offset in the document's text. */
  readonly toOffset: (parsed: number) => number
  /**
   * Returns the text that the parser saw in place of a node's, of the same length; undefined when it
   * saw the node as it is in the document.
   */
  readonly maskedText: (node: Nodes) => string | undefined
  /** The edit that ends this window's last paragraph, when that paragraph was split. */
  readonly split: Edit | undefined
  /** Number of characters processed up to the end of this window. */
  readonly done: number
}

/** The end of a window: the offset in the document where the next one begins. */
interface Cut {
  readonly next: number
  /**
   * Lines that give the next window the state of the parser at the cut: the header of a table, or
   * the signs of quotations.
   */
  readonly context?: string
  readonly split?: Edit
}

/**
 * Parses one self-contained piece of Markdown (GFM), guarded against input crafted to be slow; null
 * bytes must have been removed.
 */
export function parseMarkdown(text: string): Root {
  return parser.parse(maskHostile(text))
}

/**
 * Parses a document window by window, so that the caller may pause between any two of them and
 * memory is bounded. A window ends where the parser's state is the same as at the start of a
 * document, so the result is the same as parsing the whole document at once (a property test
 * compares the two):
 *
 * - where a top-level block begins after an empty line;
 * - between two items of a list, or two blocks of a quotation;
 * - between two rows of a table: its header is parsed again before the remaining rows.
 *
 * Any other block, such as an item of many pages, is parsed as a whole in a longer window. The
 * exception is a paragraph over 16 KiB: it is split into several (`split`).
 *
 * @param text - normalised text (see `normalizeText`)
 */
export function* parseInWindows(text: string): Generator<MarkdownWindow, void> {
  const definitions = findDefinitions(text)
  let start = skipEmptyLines(text, 0)
  let size = windowCharacters
  let context = ''
  while (start < text.length) {
    const end = endOfWindow(text, start, Math.max(size, context.length * 4))
    const body = text.slice(start, end)
    const prefix = definitionsUsedIn(context + body, definitions) + context
    const maskedBody = maskHostile(body)
    const parsed = prefix + maskedBody
    const { children } = parser.parse(parsed)
    const toDocument = start - prefix.length
    const nodes = children.flatMap((node) => clip(node, prefix.length, parsed.length, parsed) ?? [])
    const cut = end === text.length ? { next: end } : findCut(nodes, { text, start, end, toDocument, context, size })
    const toOffset = (offset: number): number => offset + toDocument
    const maskedText = (node: Nodes): string | undefined => {
      const parsedText = parsed.slice(startOf(node), endOf(node))
      return parsedText === text.slice(toOffset(startOf(node)), toOffset(endOf(node))) ? undefined : parsedText
    }
    if (cut === undefined) {
      size *= 2
      yield { nodes: [], targets: new Map(), toOffset, maskedText, split: undefined, done: start }
      continue
    }
    const cutAt = (cut.split?.start ?? cut.next) - toDocument
    const targets = children.flatMap((node) =>
      node.type === 'definition' ? [[node.identifier, node.url] as const] : [],
    )
    start = cut.context === undefined ? skipEmptyLines(text, cut.next) : cut.next
    size = cut.split === undefined ? windowCharacters : maxParagraphCharacters
    context = cut.context ?? ''
    yield {
      nodes: nodes.flatMap((node) => clip(node, 0, cutAt, parsed) ?? []),
      targets: new Map(targets),
      toOffset,
      maskedText,
      split: cut.split,
      done: start,
    }
  }
}

/** Returns the part of a node between two offsets; undefined when it has none. */
function clip<T extends Nodes>(node: T, from: number, to: number, source: string): T | undefined {
  const start = Math.max(from, startOf(node))
  const end = Math.min(to, endOf(node))
  if (start >= end) return undefined
  if (node.position === undefined || (start === startOf(node) && end === endOf(node))) return node
  const position = {
    start: { ...node.position.start, offset: start },
    end: { ...node.position.end, offset: end },
  }
  if (node.type === 'text') return { ...node, position, value: source.slice(start, end) }
  if (!('children' in node)) return { ...node, position }
  return {
    ...node,
    position,
    children: node.children.flatMap((child) => clip<Nodes>(child, from, to, source) ?? []),
  } as T
}

function startOf(node: Nodes): number {
  return node.position?.start.offset ?? 0
}

function endOf(node: Nodes): number {
  return node.position?.end.offset ?? 0
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
  // A longer line is most likely a paragraph, which can be split.
  return Math.min(end, start + Math.max(size, maxParagraphCharacters))
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from)
  return newline === -1 ? text.length : newline + 1
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

interface Place {
  readonly text: string
  /** Where the window starts and ends in the text. */
  readonly start: number
  readonly end: number
  readonly toDocument: number
  readonly context: string
  readonly size: number
}

/** Returns where the window may end; undefined when a longer one is needed. */
function findCut(nodes: readonly RootContent[], place: Place): Cut | undefined {
  const { text, end, toDocument } = place
  for (let index = nodes.length - 1; index >= 1; index -= 1) {
    const node = nodes[index]
    const at = node === undefined ? 0 : startOf(node) + toDocument
    if (node !== undefined && text[at - 1] === '\n' && isFreshStart(node, nodes[index - 1], text, at))
      return { next: at }
  }
  const last = nodes.at(-1)
  if (last === undefined) return { next: end }
  const isClosed = last.type === 'paragraph' || last.type === 'heading' || last.type === 'thematicBreak'
  if (isClosed && /\n[ \t]*\n[ \t]*$/.test(text.slice(Math.max(0, end - 200), end))) return { next: end }
  return findInnerCut(last, place)
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

/** The signs of quotations at the beginning of a line. */
const quoteSigns = /(?:(?: {0,3}>)+ ?)?/y

function signsAt(text: string, lineStart: number): string {
  quoteSigns.lastIndex = lineStart
  return quoteSigns.exec(text)?.[0] ?? ''
}

/**
 * Returns a cut inside the last block of a window. Cutting at any line instead could turn the closing
 * fence of a code block into an opening one, which would swallow the following text.
 */
function findInnerCut(node: RootContent, place: Place): Cut | undefined {
  const { text, end, toDocument, context } = place
  const opening = (child: Nodes): { readonly at: number; readonly isAlone: boolean } => {
    const offset = startOf(child) + toDocument
    const at = startOfLine(text, offset)
    return { at, isAlone: text.slice(at + signsAt(text, at).length, offset).trim() === '' }
  }
  if (node.type === 'blockquote') {
    for (const child of node.children.slice(1).reverse()) {
      const { at, isAlone } = opening(child)
      const before = startOfLine(text, at - 1)
      const isAfterEmptyLine = text.slice(before + signsAt(text, before).length, at).trim() === ''
      if (isAlone && isAfterEmptyLine) return { next: at }
    }
    const last = node.children.at(-1)
    return last === undefined ? undefined : findInnerCut(last, place)
  }
  if (node.type === 'list') {
    const last = node.children.length < 2 ? undefined : node.children.at(-1)
    const start = last === undefined ? undefined : opening(last)
    return start?.isAlone === true ? { next: start.at } : undefined
  }
  if (node.type === 'table') {
    const { at, isAlone } = opening(node)
    // The rest of a table has its header in the context.
    const isRest = context.endsWith('\n') && at === place.start
    const header = isRest ? context : text.slice(at, endOfLine(text, endOfLine(text, at)))
    const next = text[end - 1] === '\n' ? end : startOfLine(text, end)
    return isAlone && next > at + (isRest ? 0 : header.length) ? { next, context: header } : undefined
  }
  return node.type === 'paragraph' && place.size >= maxParagraphCharacters ? splitParagraph(node, place) : undefined
}

/** Text that would not continue as a paragraph at the beginning of one. */
const otherBlock = /[\s#>=+|<:~`-]|[*_]{1,3}(?![^\s*_])|\d{1,9}[.)]|\[[^[\]\n]{0,999}\]:/y

function isParagraphAt(text: string, at: number): boolean {
  otherBlock.lastIndex = at
  return at < text.length && !otherBlock.test(text)
}

/**
 * Splits a long paragraph in its last line break outside inline markup, or else at its last space or
 * punctuation: what precedes the cut is read in the same way without the rest.
 */
function splitParagraph({ children }: Paragraph, { text, start, end, toDocument, context }: Place): Cut | undefined {
  const isParagraph = (lineStart: number): boolean => {
    const at = lineStart + signsAt(text, lineStart).length
    return at < end && isParagraphAt(text, text[at] === ' ' ? at + 1 : at)
  }
  let space: Cut | undefined
  for (const child of children.toReversed()) {
    const from = startOf(child) + toDocument
    const to = Math.min(end, endOf(child) + toDocument)
    if (child.type === 'break' && isParagraph(to)) {
      const signs = signsAt(text, to).trimEnd()
      return { next: to, split: { start: from, end: to, text: `\n${signs}\n` } }
    }
    if (child.type !== 'text') continue
    for (let at = to - 1; at > from; at -= 1) {
      const character = text[at] ?? ''
      if (character === '\n' && isParagraph(at + 1)) {
        const signs = signsAt(text, at + 1).trimEnd()
        return { next: at + 1, split: { start: at + 1, end: at + 1, text: `${signs}\n` } }
      }
      if (space === undefined && /[ \t。！？；，、]/.test(character) && at + 1 < end && isParagraphAt(text, at + 1)) {
        const lineStart = start + text.slice(start, at).lastIndexOf('\n') + 1
        const isMidLine = lineStart > 0 && text[lineStart - 1] !== '\n'
        const signs = isMidLine ? context : signsAt(text, lineStart)
        space = {
          next: at + 1,
          context: signs,
          split: {
            start: /\s/.test(character) ? at : at + 1,
            end: at + 1,
            text: `\n${signs.trimEnd()}\n${signs}`,
          },
        }
      }
    }
  }
  return space
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
  const usedLabels = new Map<string, string>()
  for (const [, label = ''] of text.matchAll(/\[([^[\]]{1,200})\](?!:)/g)) {
    const url = definitions.get(labelKey(label))
    if (url !== undefined) usedLabels.set(labelKey(label), url)
  }
  return usedLabels.size === 0 ? '' : `${[...usedLabels].map(([label, url]) => `[${label}]: <${url}>`).join('\n')}\n\n`
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
