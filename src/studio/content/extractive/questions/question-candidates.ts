import { setImmediate } from 'node:timers/promises'
import { plainText, renderText } from '../codes.ts'
import { type Phrase, stemOfPhrase, stemsIn } from '../phrases.ts'
import { isDefining } from '../reading.ts'
import type { Definition, Sentence } from '../source-text.ts'
import { turnAround } from './opposites.ts'
import { isAskable, isOutside, type Material, type Passage } from './question-material.ts'
import { occursOnce } from './quiz.ts'

/** A possible subject of a question; the question itself is created when the subject is chosen. */
export type Subject =
  /** A phrase of a sentence: asked for, or exchanged for another. */
  | { readonly is: 'PHRASE'; readonly sentence: Sentence; readonly phrase: Phrase }
  /** A sentence that can be turned into its opposite. */
  | { readonly is: 'OPPOSITE'; readonly sentence: Sentence }
  /** A term with its meaning. */
  | { readonly is: 'TERM'; readonly definition: Definition }

/** A subject with a weight: how much it is worth asking for. */
export interface Candidate {
  readonly subject: Subject
  readonly passage: Passage
  /** About 0 to 3. */
  readonly weight: number
  /** Identifies the answer, for comparison with other candidates. */
  readonly stem: string
  /** The passage with the answer, for comparison with other candidates. */
  readonly place: string
}

/** Finds possible subjects in a document, yielding to the event loop between sections. */
export async function findCandidates(material: Material, signal: AbortSignal): Promise<Candidate[]> {
  const candidates: Candidate[] = []
  for (const passage of material.passages) {
    await setImmediate()
    signal.throwIfAborted()
    for (const sentence of passage.reading.source.sentences)
      if (isAskable(sentence, passage.reading))
        candidates.push(...opposites(sentence, passage), ...phrases(sentence, passage, material))
    candidates.push(...terms(passage))
  }
  return candidates
}

/** Weighs a sentence: it defines, gives a reason, a condition or a rule, and is not too long. */
function worthOf(sentence: Sentence, { reading }: Passage): number {
  const { text } = sentence
  const words = text.split(' ').length
  const own = reading.stems[sentence.position] ?? []
  const sharedCount = own.filter((stem) => (reading.counts.get(stem) ?? 0) > 1).length
  return (
    (isDefining(sentence) ? 0.5 : 0) +
    (/\b(because|since|so that|in order to|unless|only|must|never|always|when|if|by default|instead of|rather than|means|requires?|ensures?|prevents?|allows?)\b/i.test(
      text,
    )
      ? 0.35
      : 0) +
    Math.min(0.4, (sharedCount / Math.max(1, own.length)) * 0.6) -
    Math.max(0, words - 24) * 0.03 -
    (/\b(these|those|such|it|they)\b/i.test(text.slice(0, text.length / 3)) ? 0.3 : 0) -
    (/\b(you|your)\b/i.test(text) ? 0.1 : 0) -
    (/[()]/.test(text) ? 0.15 : 0)
  )
}

function opposites(sentence: Sentence, passage: Passage): Candidate[] {
  const question = turnAround(sentence.text)
  if (question === undefined || !passage.reading.english) return []
  const isNegation = /\bnot$/i.test(question.from) || /^cannot$/i.test(question.from)
  return [
    {
      subject: { is: 'OPPOSITE', sentence },
      passage,
      weight: 1 + worthOf(sentence, passage) - (isNegation ? 0.2 : 0),
      stem: `opposite ${question.from.toLowerCase()} ${sentence.text}`,
      place: sentence.text,
    },
  ]
}

/** Words too unspecific to be an answer, right or wrong. */
export const vague =
  /^(custom|back|provides|supports|uses|allows|returns|requires|enables|contains|includes|means|works|needs|takes|gives|number|set|list|kind|type|way|amount|variety|lot|range|couple|series|group|pair|plain|different|various|certain|main|new|whole|entire|large|small|current|specific|particular|similar|other|same|own|following|good|better|best|great|simple|easy|nice|real|possible|available|necessary|needed|additional|multiple|several|single|common|general|useful|full|complete|correct|right|wrong|true|false|null|undefined)$/i

function phrases(sentence: Sentence, passage: Passage, material: Material): Candidate[] {
  const { reading } = passage
  return (reading.phrases[sentence.position] ?? []).flatMap((phrase): Candidate[] => {
    const { kind, text, stem, start, end } = phrase
    const plain = plainText(text, reading.source)
    const words = plain.split(/\s+/)
    if (plain.length > 36 || words.length > 3 || !occursOnce(phrase, sentence, reading)) return []
    if (words.some((word) => vague.test(word)) || (kind === 'CODE' && /[{}<>=;]|^["'\d]/.test(plain))) return []
    const isMarked = kind === 'CODE' || kind === 'NAME' || kind === 'NUMBER'
    const count = material.count(stem)
    const isTerm = material.isTerm(stem)
    // A phrase that occurs once and is not marked up is not a term of the document.
    if (!isMarked && !isTerm) return []
    const before = sentence.text.slice(0, start)
    const after = sentence.text.slice(end)
    // One half of "input & output" or of "publish–subscribe" is incomplete.
    if (/[-–—/&]\s?$/.test(before) || /^\s?[-–—/&]/.test(after)) return []
    const isListed = /(,|\b(or|and|such as|like|e\.g\.),?)\s*$/i.test(before) || /^\s*(,|or\b|and\b)/i.test(after)
    const weight =
      worthOf(sentence, passage) +
      (isMarked ? 0.4 : 0) +
      (isTerm ? 0.3 : 0) +
      (words.length > 1 ? 0.25 : 0) +
      Math.min(0.4, count * 0.06) -
      (isListed ? 0.6 : 0) -
      (/\([^)]*$/.test(before) || /^\s*\(/.test(after) ? 0.5 : 0) -
      // Without its capital a name would look like a common word, and vice versa.
      (start === 0 && !isMarked ? 0.4 : 0)
    const subject = { is: 'PHRASE', sentence, phrase } as const
    return [{ subject, passage, weight, stem, place: sentence.text }]
  })
}

/** Longer meanings are paragraphs. */
const maxMeaning = 400

function terms(passage: Passage): Candidate[] {
  const { source } = passage.reading
  return source.definitions.flatMap((definition): Candidate[] => {
    const term = plainText(definition.term, source)
    const meaning = plainText(definition.meaning, source)
    const meaningStems = new Set(stemsIn(definition.meaning, source))
    if (meaning.length > maxMeaning) return []
    const words = meaning.split(/\s+/).length
    // A bare value explains nothing, and the default in a table is not a term.
    if (/^(true|false|null|undefined|none|yes|no|all|any|both|-|—)\b|^[\d."']/i.test(term)) return []
    if (term.length > 40 || words < 4 || words > 30 || isOutside(meaning) || /\bsee\b|\/\//i.test(meaning)) return []
    // A meaning that contains its term gives the answer, and a list of names is not a meaning.
    if (stemsIn(definition.term, source).some((part) => meaningStems.has(part))) return []
    if ((meaning.match(/,/g)?.length ?? 0) > 4) return []
    return [
      {
        subject: { is: 'TERM', definition },
        passage,
        weight: 0.9 + Math.min(0.4, words * 0.03),
        stem: stemOfPhrase(definition.term, source),
        place: definition.meaning,
      },
    ]
  })
}

/** Renders the text of a subject as Markdown. */
export function shown(text: string, { reading }: Passage): string {
  return renderText(text, reading.source)
}
