import type { Heading, Nodes, RootContent } from 'mdast'
import { toString as textOf } from 'mdast-util-to-string'
import { type Edit, type MarkdownWindow, parseInWindows } from '../../text/markdown.ts'
import { safeUrl, shorten, stripTags } from '../../text/text.ts'
import { type FoundEdits, findEdits } from './structure-safe.ts'

/** A heading as found in the text; its markup spans `start` to `end`, which are equal when the text was shortened. */
export interface FoundHeading {
  readonly start: number
  readonly end: number
  readonly level: number
  readonly text: string
}

/** A link as found in the text. */
export interface FoundLink {
  readonly start: number
  readonly text: string
  readonly url: string
}

/** The parts found in one window of a document. */
interface FoundParts extends FoundEdits {
  readonly headings: readonly FoundHeading[]
  readonly links: readonly FoundLink[]
  /** The prose and code of the window without markup, for counting. */
  readonly text: string
  /** Number of characters processed up to the end of this window. */
  readonly done: number
}

const maxHeadingCharacters = 200
const htmlHeading = /<h([1-6])(?:\s[^>]*)?>([\s\S]*?)<\/h\1\s*>/gi
const htmlAnchor = /<a\s[^>]*?href\s*=\s*["']([^"'\s]{1,2000})["'][^>]*>([\s\S]*?)<\/a\s*>/gi

/**
 * Finds headings and links of a Markdown document, window by window. Headings inside lists and
 * quotes are ignored.
 */
export function* findMarkdownParts(text: string): Generator<FoundParts, void> {
  for (const window of parseInWindows(text)) {
    const headings: FoundHeading[] = []
    const links: FoundLink[] = []
    const markers: Edit[] = []
    for (const node of window.nodes) {
      const own = headingsOf(node, window)
      headings.push(...own)
      if (node.type === 'heading' && own.some(({ start, end }) => start === end))
        markers.push(...markersOf(node, window))
      collectLinks(node, window, links)
    }
    const prose = window.nodes.map((node) => (node.type === 'html' ? stripTags(node.value) : textOf(node)))
    const windowEdits = findEdits(window, text, headings)
    const edits = [...windowEdits.edits, ...markers].toSorted((a, b) => a.start - b.start)
    yield { ...windowEdits, edits, headings, links, text: prose.join('\n'), done: window.done }
  }
}

function headingsOf(node: RootContent, { toOffset }: MarkdownWindow): FoundHeading[] {
  const start = node.position?.start.offset
  const end = node.position?.end.offset
  if (start === undefined || end === undefined) return []
  if (node.type === 'heading') {
    const nodeText = textOf(node, { includeHtml: false })
    const text = shorten(nodeText, maxHeadingCharacters)
    // The body of a section begins with the text of a heading that had to be shortened.
    const bodyStart = isShortened(nodeText) ? start : end
    return text === '' ? [] : [{ start: toOffset(start), end: toOffset(bodyStart), level: node.depth, text }]
  }
  if (node.type !== 'html') return []
  return [...node.value.matchAll(htmlHeading)].flatMap((match) => {
    const text = stripTags(match[2] ?? '').replace(/\s+/g, ' ')
    if (text === '' || isShortened(text)) return []
    const from = start + match.index
    return [{ start: toOffset(from), end: toOffset(from + match[0].length), level: Number(match[1]), text }]
  })
}

function isShortened(text: string): boolean {
  return text.replace(/\s+/g, ' ').trim().length > maxHeadingCharacters
}

/** Returns the edits that make a heading a paragraph. */
function markersOf({ children, position }: Heading, { toOffset }: MarkdownWindow): Edit[] {
  const from = children[0]?.position?.start.offset
  const to = children.at(-1)?.position?.end.offset
  const start = position?.start.offset
  const end = position?.end.offset
  if (from === undefined || to === undefined || start === undefined || end === undefined) return []
  return [
    { start: toOffset(start), end: toOffset(from), text: '' },
    { start: toOffset(to), end: toOffset(end), text: '' },
  ].filter((edit) => edit.start < edit.end)
}

function collectLinks(node: Nodes, window: MarkdownWindow, links: FoundLink[]): void {
  const start = window.toOffset(node.position?.start.offset ?? 0)
  const add = (url: string | undefined, text: string) => {
    const safe = safeUrl(url ?? '')
    if (safe !== undefined) links.push({ start, url: safe, text: shorten(text, maxHeadingCharacters) || safe })
  }
  if (node.type === 'link') add(node.url, textOf(node))
  else if (node.type === 'linkReference') add(window.targets.get(node.identifier), textOf(node))
  else if (node.type === 'html')
    for (const [, url, inner = ''] of node.value.matchAll(htmlAnchor)) add(url, stripTags(inner))
  else if ('children' in node) for (const child of node.children) collectLinks(child, window, links)
}
