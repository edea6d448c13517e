import { setImmediate } from 'node:timers/promises'
import { maxSectionCharacters, type QuestionSection } from '../../question.ts'
import { plainText } from '../codes.ts'
import { collectEntries, type Entry, type EntryKind } from '../lexicon.ts'
import { stemsIn } from '../phrases.ts'
import { isPointer, type Reading } from '../reading.ts'
import type { Sentence } from '../source-text.ts'

/** A section analysed for creating questions. */
export interface Passage {
  readonly section: QuestionSection
  readonly reading: Reading
  readonly entries: readonly Entry[]
  /** Relative position in the document, 0 to 1. */
  readonly at: number
}

/** A document analysed for creating questions. */
export interface Material {
  readonly passages: readonly Passage[]
  /** Counts the occurrences of a word's or phrase's stem in the document. */
  readonly count: (stem: string) => number
  /**
   * Whether a phrase is a term of the document: it occurs in a heading, is defined somewhere, or is
   * used repeatedly.
   */
  readonly isTerm: (stem: string) => boolean
  /**
   * Whether some sentence relates `words` (stems) to nearly the same `context` (stems): then a
   * wrong answer may be right.
   */
  readonly isSaid: (words: readonly string[], context: readonly string[]) => boolean
  /** The possible answers of a kind: those of the passage, of the passages near it, and of the others. */
  readonly entriesAround: (passage: Passage, kind: EntryKind) => readonly (readonly Entry[])[]
}

/** Maximum number of possible answers of a kind that are compared, at each distance. */
const maxAround = 200
/** Passages closer than this share of the document are near. */
const nearShare = 0.1

/**
 * Maximum number of words read per request: about a second of CPU. A longer document is sampled
 * over its whole length.
 */
const maxWords = 20_000
const maxSentencesPerStem = 200
/** Sections about the project rather than its subject. */
const aside =
  /^(license|licence|copyright|contribut|sponsor|backer|change ?log|history|acknowledg|credits?|authors?|maintainers?|code of conduct|table of contents|contents|support(ers|ing)?\b|related|compatibility$|security$|types$|who uses|donat|install(ation|ing)?$|community|further reading|see also|references$|returns?$|parameters?$|examples?$|yields$|throws$)/i

/** Reads a document, yielding to the event loop between sections. */
export async function readMaterial(
  sections: readonly QuestionSection[],
  read: (text: string) => Reading,
  signal: AbortSignal,
): Promise<Material> {
  const filledSections = sections.filter(({ body }) => body.trim() !== '')
  const subject = filledSections.filter(({ heading }) => !aside.test(heading.trim()))
  const usableSections = subject.length > 0 ? subject : filledSections
  const total = usableSections.reduce((sum, { body }) => sum + Math.min(body.length, maxSectionCharacters), 0)
  const step = Math.max(1, total / (maxWords * 6))
  const passages: Passage[] = []
  let characters = 0
  let usedCharacters = 0
  for (const section of usableSections) {
    const size = Math.min(section.body.length, maxSectionCharacters)
    const at = total === 0 ? 0 : (characters + size / 2) / total
    characters += size
    // Takes sections at regular intervals, measured in characters.
    if (usedCharacters * step > characters) continue
    usedCharacters += size
    await setImmediate()
    signal.throwIfAborted()
    const reading = read(section.body.slice(0, maxSectionCharacters))
    passages.push({ section, reading, entries: collectEntries(reading), at })
  }
  return toMaterial(passages, sections)
}

/** Looks up each kind of a passage once: a question is tried for many phrases of each passage. */
function createSurroundings(passages: readonly Passage[]): Material['entriesAround'] {
  const cache = new Map<Passage, Map<EntryKind, readonly (readonly Entry[])[]>>()
  const collect = (kind: EntryKind, isIncluded: (candidate: Passage) => boolean): Entry[] => {
    const result: Entry[] = []
    for (const candidate of passages) {
      if (result.length >= maxAround) break
      if (isIncluded(candidate)) result.push(...candidate.entries.filter((entry) => entry.kind === kind))
    }
    return result.slice(0, maxAround)
  }
  return (passage, kind) => {
    const byKind = cache.get(passage) ?? new Map<EntryKind, readonly (readonly Entry[])[]>()
    cache.set(passage, byKind)
    const cached = byKind.get(kind)
    if (cached !== undefined) return cached
    const isNear = (candidate: Passage): boolean => Math.abs(candidate.at - passage.at) < nearShare
    const pools = [
      collect(kind, (candidate) => candidate === passage),
      collect(kind, (candidate) => candidate !== passage && isNear(candidate)),
      collect(kind, (candidate) => candidate !== passage && !isNear(candidate)),
    ]
    byKind.set(kind, pools)
    return pools
  }
}

function toMaterial(passages: readonly Passage[], sections: readonly QuestionSection[]): Material {
  const counts = new Map<string, number>()
  const keys = new Set<string>()
  const sentences: ReadonlySet<string>[] = []
  for (const { reading, entries } of passages) {
    for (const { stem, count } of entries) counts.set(stem, (counts.get(stem) ?? 0) + count)
    for (const { kind, stem } of entries) if (kind === 'TERM') keys.add(stem)
    sentences.push(...reading.stems.map((stems) => new Set(stems)))
  }
  const sentencesByStem = new Map<string, ReadonlySet<string>[]>()
  for (const sentence of sentences)
    for (const stem of sentence) {
      const own = sentencesByStem.get(stem)
      if (own === undefined) sentencesByStem.set(stem, [sentence])
      // A more frequent word is in everything.
      else if (own.length < maxSentencesPerStem) own.push(sentence)
    }
  // In a short text no word occurs often.
  const minCount = sentences.length < 40 ? { phrase: 1, word: 2 } : { phrase: 2, word: 4 }
  for (const { heading } of sections) {
    const stems = stemsIn(heading, { codes: [] })
    for (const [index, stem] of stems.entries()) {
      keys.add(stem)
      const next = stems[index + 1]
      if (next !== undefined) keys.add(`${stem} ${next}`)
    }
  }
  return {
    passages,
    count: (stem) => counts.get(stem) ?? 0,
    isTerm: (stem) =>
      keys.has(stem) || (counts.get(stem) ?? 0) >= (stem.includes(' ') ? minCount.phrase : minCount.word),
    isSaid: ([first, ...otherStems], context) =>
      context.length > 0 &&
      (first === undefined ||
        (sentencesByStem.get(first) ?? []).some((own) => {
          if (!otherStems.every((word) => own.has(word))) return false
          const sharedCount = context.filter((word) => own.has(word)).length
          return sharedCount / context.length >= 0.6
        })),
    entriesAround: createSurroundings(passages),
  }
}

const leaning =
  /^(this|that|these|those|it|its|they|them|their|he|she|such|here|there|so|but|and|or|however|therefore|thus|hence|also|then|otherwise|instead|moreover|furthermore|additionally|for example|for instance|in (this|that|these|those|such|other|both)|as such|for (this|that|these|those)|with (this|that|these)|both|another|others?|neither|either|too|likewise|similarly|note|tip|warning|caution|important|example|e\.g|i\.e|todo|fixme|unfortunately|luckily|sometimes people|because of (this|that)|if (so|not|it|they|this|that)|when (it|they|this|that)|once (it|they|this|that)|after (this|that)|to do (so|this|that)|don[’']t worry)\b/i
const outside =
  /(\b(above|below|following|previous(ly)?|aforementioned|as follows|next section|this (section|example|page|chapter|document|guide|readme|list|table)|earlier|thanks|thank you|please|today|nowadays|currently|recently|soon|we|our|us|i['’]m|i['’]ve|my|you['’]d|let['’]s|tl;dr|todo|the docs)\b|https?:|👉|…|, see (the|also|our)\b|\b(this|that|them|these|those|so)[.!]$|@\w+\b.*\bfor\b|#\d+)/iu

const named = /^[a-z][\w.-]* (is|are|has|can|supports|provides|lets|allows|uses|works|needs|takes|gives|keeps)\b/

/** Whether a text refers to the page, its authors or the date. */
export function isOutside(text: string): boolean {
  return outside.test(text)
}

/**
 * Whether a sentence is a self-contained statement worth knowing: it is complete, depends on no
 * other sentence, and does not refer to the page, its authors or the date.
 */
export function isAskable(sentence: Sentence, { source, english }: Reading): boolean {
  const { text } = sentence
  const plain = plainText(text, source)
  const words = plain.split(/\s+/).length
  if (words < (english ? 6 : 5) || words > 34 || plain.length > 260) return false
  if (!/[.!。！]["”)]?$/u.test(text) || /[:?]/.test(text.slice(-2))) return false
  // A lower-case letter begins a fragment, unless it begins a product name: "ws supports …".
  const isWhole = /^["“(]?[\p{Lu}\p{Lo}\p{N}\ue000-\uf8ff]/u.test(text) || named.test(text)
  if (english && !isWhole) return false
  if ((text.match(/[(]/g)?.length ?? 0) !== (text.match(/[)]/g)?.length ?? 0)) return false
  if (/["“][^"”]*$/u.test(text) && !/["“][^"”]*["”]/u.test(text)) return false
  if (isPointer(sentence) || leaning.test(text) || isOutside(plain)) return false
  // An enumeration of names is a list, not a statement.
  return (text.match(/[\ue000-\uf8ff]/g)?.length ?? 0) <= 4 && (text.match(/,/g)?.length ?? 0) <= 4
}
