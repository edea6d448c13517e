import { type Phrase, stemOfPhrase } from './phrases.ts'
import { isDefining, type Reading } from './reading.ts'
import type { Definition, Sentence } from './source-text.ts'

/** A term of a source with a sentence about it. */
interface KeyTerm {
  /** As in the source, with private-use characters for code. */
  readonly term: string
  readonly stem: string
  /** Its definition, or a sentence that uses it. */
  readonly text: string
  /** Whether the source defines it, rather than only using it. */
  readonly isDefined: boolean
  readonly position: number
}

/**
 * Finds the terms to learn from a source: first the defined ones, then the most used ones, each
 * with its sentence.
 *
 * @param scores - of sentences, by position; the sentence with the better score represents a term
 * @param max - maximum number of terms
 */
export function findKeyTerms(reading: Reading, scores: readonly number[], max: number): KeyTerm[] {
  const { source } = reading
  const terms = new Map<string, KeyTerm>()
  const add = (term: KeyTerm): void => {
    if (!terms.has(term.stem)) terms.set(term.stem, term)
  }
  for (const definition of source.definitions) add(fromDefinition(definition, reading))
  for (const sentence of source.sentences) {
    const subject = isDefining(sentence) ? reading.phrases[sentence.position]?.[0] : undefined
    if (subject === undefined || subject.start > 4 || !isFollowedByVerb(sentence, subject)) continue
    add({ term: subject.text, stem: subject.stem, text: sentence.text, isDefined: true, position: sentence.position })
  }
  for (const { phrase, uses } of countPhrases(reading)) {
    if (terms.size >= max) break
    // A single common noun is worth learning only when it is central to the text.
    const isPlain = phrase.kind !== 'CODE' && phrase.kind !== 'NAME' && !phrase.text.includes(' ')
    if (uses.length < (isPlain ? 3 : 2) || [...terms.keys()].some((stem) => stem.includes(phrase.stem))) continue
    const best = uses.toSorted((a, b) => (scores[b.position] ?? 0) - (scores[a.position] ?? 0))[0]
    // One sentence explains one term; the same sentence under three terms teaches nothing.
    if (best === undefined || [...terms.values()].some(({ text }) => text === best.text)) continue
    add({ term: phrase.text, stem: phrase.stem, text: best.text, isDefined: false, position: best.position })
  }
  return [...terms.values()].slice(0, max).sort((a, b) => a.position - b.position)
}

function fromDefinition({ term, meaning, position }: Definition, { source }: Reading): KeyTerm {
  return { term, stem: stemOfPhrase(term, source), text: meaning, isDefined: true, position }
}

function isFollowedByVerb({ text }: Sentence, { end }: Phrase): boolean {
  return /^\s(is|are|means|refers|consists|describes|names)\b/.test(text.slice(end))
}

/** Phrases with the sentences that use them, most significant first: used often, longer, or code. */
function countPhrases({ phrases, source }: Reading): { phrase: Phrase; uses: Sentence[] }[] {
  const byStem = new Map<string, { phrase: Phrase; uses: Sentence[] }>()
  for (const sentence of source.sentences)
    for (const phrase of phrases[sentence.position] ?? []) {
      if (phrase.kind === 'NUMBER') continue
      const entry = byStem.get(phrase.stem) ?? { phrase, uses: [] }
      if (entry.uses.at(-1) !== sentence) entry.uses.push(sentence)
      byStem.set(phrase.stem, entry)
    }
  const weight = ({ phrase, uses }: { phrase: Phrase; uses: Sentence[] }): number =>
    uses.length * (phrase.kind === 'CODE' || phrase.kind === 'NAME' ? 1.3 : 1) * (phrase.text.includes(' ') ? 1.5 : 1)
  return [...byStem.values()].sort((a, b) => weight(b) - weight(a))
}
