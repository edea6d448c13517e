import nlp from 'compromise/two'
import { plainText } from './codes.ts'
import { maskCodes } from './sentences.ts'
import type { SourceText } from './source-text.ts'

/**
 * The kind of a word or phrase; wrong answers are taken from the same kind. `CODE` is inline code
 * or an identifier, `NAME` a proper noun, `WORD` anything in a text that is not English.
 */
export type PhraseKind = 'CODE' | 'NAME' | 'SINGULAR' | 'PLURAL' | 'NUMBER' | 'WORD'

/** A word or phrase in a sentence: a possible answer. */
export interface Phrase {
  /** As in the sentence, with private-use characters for code. */
  readonly text: string
  /** For comparison: lower case, without endings, with code spelt out. */
  readonly stem: string
  readonly kind: PhraseKind
  readonly start: number
  readonly end: number
}

interface Term {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly tags: ReadonlySet<string>
  /** Whether it may be a noun or a verb ("shows", "ends"): the library guesses. */
  readonly isGuess: boolean
}

/** A longer sentence is a listing; none of its phrases would be asked for. */
const maxPhraseSentence = 800
/** A longer word has no stem: it is data. */
const maxWord = 64

const functionWords = new Set(
  'a an the and or but nor so yet of to in on at by for from with without into onto over under between through during before after above below up down out off again then once here there when where why how all any both each few more most other some such no not only own same than too very can will just should now is are was were be been being have has had having do does did doing this that these those it its itself he she they them their we you your our my i me us him her who whom which what if as until while about against because may might must shall could would also however thus hence whether within upon per via either neither every many several various certain default much another like'.split(
    ' ',
  ),
)
/** Nouns too unspecific to be asked for or listed as terms. */
const emptyNouns = new Set(
  'thing things way ways case cases example examples kind kinds number numbers lot lots part parts side sides time times place places one ones something anything everything nothing fact reason reasons people person someone anyone everyone place bit sort sorts rest end beginning same other others line lines word words section sections chapter page pages note notes step steps point points order use default self more first second third day today year years none nobody hand top bottom set inside left right above below instance instances question questions answer answers page hint idea sake need needs'.split(
    ' ',
  ),
)

/** Whether a word has only a grammatical function. */
export function isFunctionWord(word: string): boolean {
  return functionWords.has(word.toLowerCase())
}

/** Whether a text is English, judged by its function words: parts of speech are known for English only. */
export function isEnglish(text: string): boolean {
  const words = text.toLowerCase().match(/[\p{L}']+/gu) ?? []
  if (words.length < 5) return /^[\x20-\x7e\s–—’“”…→·]*$/.test(text)
  const functionWordCount = words.filter((word) => functionWords.has(word)).length
  return functionWordCount / words.length > 0.18
}

/** Returns a word's stem, accurate enough to match its forms. */
export function stemOf(word: string): string {
  const lower = word.toLowerCase().replace(/['’]s?$/, '')
  if (lower.length <= 3 || lower.length > maxWord || !/^[\p{L}-]+$/u.test(lower)) return lower
  return lower
    .replace(/(?:ies)$/, 'y')
    .replace(/(?:(?<=[^aeiou]{1,2}|[aeiou]s|x|ch|sh)es|(?<![su])s)$/, '')
    .replace(/(?<=.{3})(?:ing|ed)$/, '')
    .replace(/([^aeiouls])\1$/, '$1')
    .replace(/(?<=.{3})e$/, '')
}

/** Returns the stems of the significant words of a text. */
export function stemsIn(text: string, source: Pick<SourceText, 'codes'>): string[] {
  return plainText(text.replace(/[\ue000-\uf8ff]/g, ' $& '), source)
    .split(/[^\p{L}\p{M}\p{N}_'’-]+/u)
    .flatMap((word) => (/[\p{L}\p{N}]/u.test(word) && !isFunctionWord(word) ? [stemOf(word)] : []))
}

/**
 * Finds the phrases of a sentence that are possible answers, in order: by part of speech in
 * English, otherwise by length.
 */
export function phrasesIn(sentence: string, source: Pick<SourceText, 'codes'>, english: boolean): Phrase[] {
  if (sentence.length > maxPhraseSentence) return []
  const spans = english ? englishSpans(sentence) : wordSpans(sentence)
  const phrases = spans.map(({ start, end, kind }): Phrase => {
    const text = sentence.slice(start, end)
    return { text, kind, start, end, stem: stemOfPhrase(text, source) }
  })
  for (const match of sentence.matchAll(/[\ue000-\uf8ff]/g)) {
    const { index: start } = match
    const end = start + 1
    if (!phrases.some((phrase) => phrase.start <= start && phrase.end >= end))
      phrases.push({ text: match[0], kind: 'CODE', start, end, stem: stemOfPhrase(match[0], source) })
  }
  return phrases.sort((a, b) => a.start - b.start)
}

/** Returns the stem of a phrase, for comparison with others. */
export function stemOfPhrase(text: string, source: Pick<SourceText, 'codes'>): string {
  return plainText(text, source).split(/\s+/).map(stemOf).join(' ')
}

interface Span {
  readonly start: number
  readonly end: number
  readonly kind: PhraseKind
}

/** Finds noun phrases without their articles, and numbers with their units. */
function englishSpans(sentence: string): Span[] {
  const terms = tag(maskCodes(sentence))
  const spans: Span[] = []
  let run: Term[] = []
  const flush = (next?: Term): void => {
    // "the feed compares its …": the word before a determiner is the verb.
    const isVerb =
      next !== undefined && /^(the|an?|its|their|his|her|our|your|this|these|any|all|each|every|no)$/i.test(next.text)
    const span = toSpan(
      isVerb && run.length > 1 && run.at(-1)?.text.endsWith('s') === true ? run.slice(0, -1) : run,
      sentence,
    )
    if (span !== undefined) spans.push(span)
    run = []
  }
  for (const term of terms) {
    const previous = run.at(-1)
    const isApart = previous !== undefined && !/^[ -]$/.test(sentence.slice(previous.end, term.start))
    if (isApart || !isInPhrase(term, sentence)) flush(isApart ? undefined : term)
    // An adjective after a noun begins the next phrase.
    if (previous?.tags.has('Noun') === true && term.tags.has('Adjective')) flush()
    if (isInPhrase(term, sentence)) run.push(term)
    else if (term.tags.has('NumericValue')) run.push(term)
  }
  flush()
  return spans
}

function isInPhrase({ tags, text, start, end }: Term, sentence: string): boolean {
  if (/[\ue000-\uf8ff]/.test(sentence.slice(start, end))) return false
  if (isFunctionWord(text) || tags.has('Pronoun') || tags.has('Determiner') || tags.has('Possessive')) return false
  if (!/^[\p{L}\p{N}][\p{L}\p{N}.+#/-]*$/u.test(sentence.slice(start, end))) return false
  return tags.has('Noun') || tags.has('Adjective')
}

const quantity =
  /^\d[\d.,]*\s?(%|percent|ms|s|sec|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?|[kmgt]i?b|bytes?|bits?|px|km|cm|mm|m|kg|g|times)$/i

function toSpan(run: readonly Term[], sentence: string): Span | undefined {
  let terms = [...run]
  const [number, unit] = terms
  if (number?.tags.has('NumericValue') === true) {
    const end = (unit ?? number).end
    // A bare number is more often a version or an ordinal than a fact.
    const isQuantity = terms.length <= 2 && quantity.test(sentence.slice(number.start, end))
    return isQuantity ? { start: number.start, end, kind: 'NUMBER' } : toSpan(terms.slice(1), sentence)
  }
  // "a browser client communicating with …"
  if (terms.length > 1 && /^\p{L}+ing$/u.test(terms.at(-1)?.text ?? '')) terms = terms.slice(0, -1)
  while (terms.length > 0 && (terms.at(-1)?.tags.has('Noun') !== true || terms.at(-1)?.isGuess === true))
    terms = terms.slice(0, -1)
  // Long runs are mistagged more often than they are phrases: the last two words are the noun and
  // its qualifier.
  if (terms.length > 3) terms = terms.slice(-2)
  const [first] = terms
  const last = terms.at(-1)
  if (first === undefined || last === undefined) return undefined
  const text = sentence.slice(first.start, last.end)
  if (text.length < 3 || /^v?\d/.test(text) || (terms.length === 1 && emptyNouns.has(text.toLowerCase())))
    return undefined
  return { start: first.start, end: last.end, kind: kindOf(text, last, sentence.slice(0, first.start)) }
}

function kindOf(text: string, last: Term, before: string): PhraseKind {
  // At the start of a statement a capital is ambiguous.
  const isCapitalised = /^\p{Lu}/u.test(text) && /[^\s:.!?–—("“]\s*$/.test(before)
  if (isCapitalised || /(?:^|\s)\p{Lu}\S*\p{Lu}|\p{Ll}\p{Lu}|\d|\s\p{Lu}/u.test(text)) return 'NAME'
  return last.tags.has('Plural') ? 'PLURAL' : 'SINGULAR'
}

function tag(text: string): Term[] {
  // The library's own types use `any`.
  const sentences = nlp(text).json({ offset: true }) as readonly {
    readonly terms: readonly {
      readonly text: string
      readonly tags: readonly string[]
      readonly switch?: string
      readonly offset: { readonly start: number; readonly length: number }
    }[]
  }[]
  return sentences.flatMap(({ terms }) =>
    terms.flatMap(({ text: word, tags, offset, switch: guess = '' }) => {
      const isGuess = guess.includes('Verb') && tags.includes('Plural')
      const range = { start: offset.start, end: offset.start + offset.length }
      return word === '' ? [] : [{ ...range, text: word, tags: new Set(tags), isGuess }]
    }),
  )
}

const wordSegmenter = new Intl.Segmenter(undefined, { granularity: 'word' })

function wordSpans(sentence: string): Span[] {
  const spans: Span[] = []
  for (const { segment, index, isWordLike } of wordSegmenter.segment(sentence)) {
    const isIdeographic = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u.test(segment)
    if (isWordLike === true && segment.length >= (isIdeographic ? 2 : 6) && !/[\ue000-\uf8ff]/.test(segment))
      spans.push({ start: index, end: index + segment.length, kind: /^\d/.test(segment) ? 'NUMBER' : 'WORD' })
  }
  return spans
}
