import type { DocumentStructure, PageStart } from './structure/structure.ts'

/** A searchable piece of a section, without markup. */
export interface Passage {
  readonly position: number
  readonly sectionKey: string
  /** The page it begins on; null in documents without pages. */
  readonly page: number | null
  /** The section's heading for its first passage, '' for the others. */
  readonly heading: string
  readonly text: string
}

/** Number of characters after which a passage ends at the end of its paragraph. */
const passageCharacters = 1_500
/** Longer paragraphs are split. */
const maxPassageCharacters = 8_000

/** Splits a document into passages of some paragraphs each, never across sections or pages. */
export function* toPassages({ sections, pages = [] }: DocumentStructure): Generator<Passage, void> {
  const startsOf = Map.groupBy(pages, ({ sectionKey }) => sectionKey)
  let position = 0
  for (const { key, heading, body, page } of sections) {
    let isFirst = true
    for (const piece of piecesOf(body, startsOf.get(key) ?? [], page ?? null)) {
      const text = toPlainText(piece.text)
      if (text === '' && !(isFirst && heading !== '')) continue
      yield { position, sectionKey: key, page: piece.page, heading: isFirst ? heading : '', text }
      position += 1
      isFirst = false
    }
  }
}

function* piecesOf(
  body: string,
  starts: readonly PageStart[],
  firstPage: number | null,
): Generator<{ readonly text: string; readonly page: number | null }, void> {
  const bounds = [...starts, { number: 0, offset: body.length }]
  let page = firstPage
  let from = 0
  let isEmpty = true
  for (const { number, offset } of bounds) {
    for (const text of cut(body.slice(from, offset))) {
      isEmpty = false
      yield { text, page }
    }
    from = offset
    page = firstPage === null ? null : number
  }
  // A heading without text is searchable as well.
  if (isEmpty) yield { text: '', page: firstPage }
}

function* cut(text: string): Generator<string, void> {
  for (let from = 0; from < text.length; ) {
    const paragraph = text.indexOf('\n\n', from + passageCharacters)
    let end = paragraph === -1 ? text.length : paragraph
    if (end - from > maxPassageCharacters) {
      const space = text.lastIndexOf(' ', from + maxPassageCharacters)
      end = space > from ? space : from + maxPassageCharacters
    }
    yield text.slice(from, end)
    from = end
  }
}

/** How the writer of Markdown writes spaces and letters beside emphasis: a UTF-16 unit. */
const characterReference = /(?<!\\)&#x([\dA-F]{1,4});/g

/**
 * Strips the markup of Markdown, approximately, for search; PostgreSQL accepts neither U+0000 nor
 * lone surrogates.
 */
function toPlainText(markdown: string): string {
  return markdown
    .replace(/^ {0,3}(```|~~~)[^\n]*$/gm, '')
    .replace(/^\[[^\]\n]{1,300}\]: \S+$/gm, '')
    .replace(/\[([^[\]\n]{0,500})\](\([^()\n]{0,2000}\)|\[[^[\]\n]{0,300}\])/g, '$1')
    .replace(/(?<!\\)<(https?:\/\/[^\s<>]+)>/g, '$1')
    .replace(/^[ \t]*([#>|]+|[-+*](?=\s))[ \t]*/gm, '')
    .replace(/^[\s|:-]+$/gm, '')
    .replace(/(?<!\\)(\*{1,3}|`+|~~|\|)/g, ' ')
    .replace(/(?<![\p{L}\p{N}\\])_+|(?<!\\)_+(?![\p{L}\p{N}])/gu, '')
    .replace(characterReference, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\([!-/:-@[-`{-~])/g, '$1')
    .toWellFormed()
    .replaceAll('\0', '')
    .replace(/\s+/g, ' ')
    .trim()
}
