import type { Nodes } from 'mdast'
import { type Edit, type MarkdownWindow, parseInWindows } from '../../text/markdown.ts'
import { escapeMarkdown, safeUrl, stripTags } from '../../text/text.ts'

/** The result of {@link findEdits}. */
export interface FoundEdits {
  readonly edits: readonly Edit[]
  readonly images: number
  /** Number of HTML ranges that contain text. */
  readonly html: number
}

interface Place {
  readonly isBlock: boolean
  readonly isInLink: boolean
}

/**
 * Finds the unsafe parts of a piece of Markdown: pictures, which would be fetched from any address
 * in the document, HTML, and links other than http, https, mailto and relative ones. All other text
 * is preserved character by character. A paragraph or cell that the parser did not see as it is becomes
 * text, as another parser might interpret it differently.
 *
 * @param documentText - the document's text
 * @param headings - ranges of HTML headings, which are removed separately
 */
export function findEdits(
  { nodes, toOffset, maskedText, split }: MarkdownWindow,
  documentText: string,
  headings: readonly { readonly start: number; readonly end: number }[] = [],
): FoundEdits {
  const edits: Edit[] = []
  let images = 0
  let html = 0
  const replace = (start: number | undefined, end: number | undefined, text: string): void => {
    if (start !== undefined && end !== undefined && start < end)
      edits.push({ start: toOffset(start), end: toOffset(end), text })
  }
  const visit = (node: Nodes, { isBlock, isInLink }: Place): void => {
    const start = node.position?.start.offset
    const end = node.position?.end.offset
    const nodeText = node.type === 'paragraph' || node.type === 'tableCell' ? maskedText(node) : undefined
    if (nodeText !== undefined && start !== undefined && end !== undefined) {
      replace(start, end, toText(documentText.slice(toOffset(start), toOffset(end)), nodeText))
      return
    }
    if (node.type === 'image' || node.type === 'imageReference') {
      images += 1
      replace(start, end, escapeMarkdown(node.alt ?? '') || (isInLink ? 'Picture' : ''))
    }
    if (node.type === 'definition' && safeUrl(node.url) === undefined) replace(start, end, '')
    if (node.type === 'html' && start !== undefined && end !== undefined) {
      if (textOfHtml(node.value, isBlock) !== '') html += 1
      images += node.value.match(/<(img|picture|video|svg)[\s>/]/gi)?.length ?? 0
      const inside = headings.filter((heading) => heading.start >= toOffset(start) && heading.end <= toOffset(end))
      let from = toOffset(start)
      for (const stop of [...inside, { start: toOffset(end), end: toOffset(end) }]) {
        const piece = node.value.slice(from - toOffset(start), stop.start - toOffset(start))
        if (from < stop.start) edits.push({ start: from, end: stop.start, text: textOfHtml(piece, isBlock) })
        from = stop.end
      }
    }
    if (!('children' in node)) return
    const isLink = node.type === 'link' || node.type === 'linkReference'
    const isUnsafe = node.type === 'link' && safeUrl(node.url) === undefined
    if (isUnsafe) replace(start, node.children[0]?.position?.start.offset ?? end, '')
    for (const child of node.children) visit(child, { isBlock: false, isInLink: isInLink || isLink })
    if (isUnsafe && node.children.length > 0) replace(node.children.at(-1)?.position?.end.offset, end, '')
  }
  for (const node of nodes) visit(node, { isBlock: true, isInLink: false })
  if (split !== undefined) edits.push(split)
  return { edits, images, html }
}

/** Escapes a paragraph, except for the signs of quotations that the parser saw at the start of its lines. */
function toText(source: string, masked: string): string {
  const maskedLines = masked.split('\n')
  return source
    .split('\n')
    .map((line, index) => {
      const signs = /^[ \t>]*/.exec(maskedLines[index] ?? '')?.[0] ?? ''
      return signs + escapeMarkdown(line.slice(signs.length))
    })
    .join('\n')
}

/** Tags are dropped, and the remaining text must not become markup. */
function textOfHtml(html: string, isBlock: boolean): string {
  const text = stripTags(html.replace(/<br\s*\/?>/gi, '\n'))
  if (!isBlock) return escapeMarkdown(text.replace(/\s+/g, ' '))
  return text
    .split('\n')
    .map((line) => escapeMarkdown(line.trim()).replace(/^(#{1,6}(?=\s|$)|[-+=])/, '\\$1'))
    .filter((line) => line !== '')
    .join('\n')
}

/** Removing markup may create new markup, as in `<<b>script>`: maximum number of further passes. */
const maxRounds = 4

/**
 * Repeats the edits on a piece of edited Markdown until there is nothing left to edit; a piece that
 * does not converge becomes text.
 * @returns the piece; pauses between windows
 */
export function* settleEdits(piece: string): Generator<void, string> {
  let text = piece
  for (let round = 0; round < maxRounds; round += 1) {
    const edits: Edit[] = []
    for (const window of parseInWindows(text)) {
      edits.push(...findEdits(window, text).edits)
      yield
    }
    if (edits.length === 0) return text
    text = createEditor(text, edits)(0, text.length)
  }
  return escapeMarkdown(text)
}

/** Returns ranges of a text with the edits applied; ranges must be requested in order. */
export function createEditor(text: string, edits: readonly Edit[]): (start: number, end: number) => string {
  let index = 0
  return (start, end) => {
    while ((edits[index]?.end ?? Number.POSITIVE_INFINITY) <= start) index += 1
    const parts: string[] = []
    let from = start
    for (let edit = edits[index]; edit !== undefined && edit.start < end; edit = edits[index]) {
      // An edit that began before this range was applied in the previous one.
      if (edit.start >= from) parts.push(text.slice(from, edit.start), edit.text)
      from = Math.max(from, edit.end)
      if (edit.end > end) break
      index += 1
    }
    return parts.join('') + text.slice(Math.min(from, end), end)
  }
}
