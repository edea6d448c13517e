import { foldWithOffsets } from '../text/fold.ts'

/** A part of a snippet. */
export interface SnippetPart {
  readonly text: string
  /** Whether the part matches the query. */
  readonly isMatch: boolean
}

/** Marks around matches, which no stored text contains: they are removed when a document is read. */
export const start = '\u0001'
export const stop = '\u0002'
const delimiter = ' … '
/** Number of characters before the first match of a snippet, and of the snippet. */
const charactersBefore = 60
const maxCharacters = 240

/**
 * Returns the snippet of a text for an excerpt of the folded text: the same part of the text itself,
 * with its case and accents.
 *
 * @param headline - fragments of the folded text with marks around the matches
 */
export function snippetOfHeadline(text: string, headline: string): SnippetPart[] {
  const { folded, offsets } = foldWithOffsets(text)
  const parts: SnippetPart[] = []
  let from = 0
  for (const [index, fragment] of headline.split(delimiter).entries()) {
    if (index > 0) add(parts, delimiter, false)
    const pieces = piecesOf(fragment)
    const plain = pieces.map((piece) => piece.text).join('')
    const at = folded.indexOf(plain, from)
    let offset = at
    for (const piece of pieces) {
      const end = offset + piece.text.length
      // PostgreSQL replaces what looks like a tag with a space; such a fragment stays folded.
      add(parts, at === -1 ? piece.text : text.slice(offsets[offset], offsets[end]), piece.isMatch)
      offset = end
    }
    if (at !== -1) from = at + plain.length
  }
  return parts
}

/** Returns a snippet around the first of the terms; undefined when the text contains none. */
export function snippetOfTerms(text: string, terms: readonly string[]): SnippetPart[] | undefined {
  if (terms.length === 0) return undefined
  const escapedTerms = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(escapedTerms.join('|'), 'giu')
  const first = text.search(pattern)
  if (first === -1) return undefined
  const from = Math.max(0, first - charactersBefore)
  const excerpt = text.slice(from, from + maxCharacters).toWellFormed()
  const parts: SnippetPart[] = []
  let at = 0
  for (const { 0: match, index } of excerpt.matchAll(pattern)) {
    add(parts, excerpt.slice(at, index), false)
    add(parts, match, true)
    at = index + match.length
  }
  add(parts, excerpt.slice(at), false)
  return parts
}

function piecesOf(fragment: string): SnippetPart[] {
  return fragment.split(start).flatMap((piece, index): SnippetPart[] => {
    const [match = '', rest] = index === 0 ? [undefined, piece] : piece.split(stop, 2)
    return [
      { text: match, isMatch: true },
      { text: rest ?? '', isMatch: false },
    ]
  })
}

/** Adds a part, joined with the one before when both match or neither does. */
function add(parts: SnippetPart[], text: string, isMatch: boolean): void {
  if (text === '') return
  const last = parts.at(-1)
  if (last?.isMatch === isMatch) parts[parts.length - 1] = { text: last.text + text, isMatch }
  else parts.push({ text, isMatch })
}
