import { escapeMarkdown } from '../../../text/text.ts'
import { plainText } from '../codes.ts'
import { answerStems, type Entry, type EntryKind } from '../lexicon.ts'
import { stemsIn } from '../phrases.ts'
import type { Random } from '../random.ts'
import { chooseDistractors, makeQuantities, type Wanted } from './distractors.ts'
import { type Candidate, type Subject, shown, vague } from './question-candidates.ts'
import { isOutside, type Material, type Passage } from './question-material.ts'

/**
 * Classifies how a piece of code looks: an option, a call, a class, a file. One of another class
 * would stand out.
 */
function looksOf(text: string): string {
  const code = text.replace(/`/g, '')
  if (/^(true|false|null|undefined)$/.test(code)) return 'literal'
  if (/^(string|number|boolean|object|array|function|any|void|never|unknown|buffer|promise)s?$/i.test(code))
    return 'type'
  if (/^--?\w/.test(code)) return 'option'
  if (/\(.*\)$/.test(code)) return 'call'
  if (/^\d|^["']/.test(code)) return 'value'
  if (/[\\/]|\.[a-z]{1,5}$/.test(code)) return 'path'
  if (/^[A-Z][A-Z0-9_]*$/.test(code)) return 'constant'
  if (/^[A-Z]/.test(code)) return 'class'
  if (/-/.test(code)) return 'package'
  return /[\s.:]/.test(code) ? 'expression' : 'name'
}

function looksAlike(kind: EntryKind, first: string, second: string): boolean {
  if (kind === 'CODE') return looksOf(first) === looksOf(second)
  if (kind !== 'NAME') return true
  if (first.startsWith('`') !== second.startsWith('`')) return false
  const isShort = (text: string): boolean => /^[\p{Lu}\d]{2,6}s?$/u.test(text)
  return isShort(first) === isShort(second)
}

/**
 * Finds wrong answers that fit the gap, occur in the document, and are not related to the same
 * context elsewhere.
 */
export function wrongPhrases(
  { sentence, phrase }: Extract<Subject, { readonly is: 'PHRASE' }>,
  passage: Passage,
  { material, random }: { readonly material: Material; readonly random: Random },
  count: number,
): string[] {
  const { source } = passage.reading
  const { kind, text, stem } = phrase
  if (kind === 'NUMBER') return makeQuantities(text, sentence.text, count, random).map(escapeMarkdown)
  const plain = plainText(text, source).toLowerCase()
  const context = stemsIn(`${sentence.text.slice(0, phrase.start)} ${sentence.text.slice(phrase.end)}`, source)
  const target: Wanted = {
    kind,
    plain,
    stem,
    stems: answerStems(text, source),
    sentenceStems: new Set(stemsIn(sentence.text, source)),
    sentence: plainText(sentence.text, source).toLowerCase(),
  }
  const answer = shown(text, passage)
  const isCommon = kind === 'SINGULAR' || kind === 'PLURAL' || kind === 'WORD'
  const fits = (entry: Entry): boolean =>
    looksAlike(kind, entry.shown, answer) &&
    !/[{}<>=;]/.test(entry.shown) &&
    !entry.plain.split(/\s+/).some((word) => vague.test(word)) &&
    (!isCommon || (material.isTerm(entry.stem) && entry.plain.length > 3)) &&
    (!isCommon || entry.words === plain.split(/\s+/).length || Math.min(entry.words, plain.split(/\s+/).length) > 1)
  const pools = material.entriesAround(passage, kind).map((pool) => pool.filter(fits))
  return chooseDistractors(target, pools, count + 3, random)
    .filter((entry) => !material.isSaid(entry.stems, context))
    .slice(0, count)
    .map((entry) => entry.shown)
}

/**
 * Finds meanings of other terms in the same section, of similar length: terms of another list would
 * stand out.
 */
export function otherMeanings(meaning: string, { passage }: Candidate): string[] {
  const { source } = passage.reading
  const length = plainText(meaning, source).length
  const own = new Set(stemsIn(meaning, source))
  const right = asOption(shown(meaning, passage))
  const answers = source.definitions.flatMap((definition) => {
    const text = plainText(definition.meaning, source)
    const stems = stemsIn(definition.meaning, source)
    const sharedCount = stems.filter((stem) => own.has(stem)).length
    const isAlike = text.length > length * 0.4 && text.length < length * 2.5
    const isUsable = isAlike && text.split(/\s+/).length >= 4 && !isOutside(text) && !/\bsee\b|\/\//i.test(text)
    return isUsable && sharedCount <= stems.length * 0.4 ? [asOption(shown(definition.meaning, passage))] : []
  })
  return [...new Set(answers)].filter((text) => text !== right)
}

/** Normalises the style of options: no full stop at the end. */
export function asOption(text: string): string {
  return text.replace(/[.;,]\s*$/, '')
}
