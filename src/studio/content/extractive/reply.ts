import { interruptible } from '../../../async/index.ts'
import { cutIntoPieces, paced } from '../pieces.ts'
import type { ReplyPart, ReplyPassage, ReplyProvider, ReplyRequest } from '../reply.ts'
import { splitSentences } from './sentences.ts'

/** A sentence that is relevant to the question. */
interface Candidate {
  readonly passage: number
  /** Its index among the sentences of its passage. */
  readonly index: number
  readonly score: number
}

/** Maximum number of quoted passages per reply. */
const maxQuotations = 3
/** Further characters of a passage are not read; no card has a longer one. */
const maxPassageCharacters = 20_000
/** A quotation is extended with following sentences up to this length. */
const comfortableCharacters = 320
/** Longer text is not a sentence but a listing or a table without punctuation. */
const longestSentence = 700
/** The share of characters such as braces and quotes above which a text is code. */
const mostSigns = 0.06
/** This many are acceptable in a sentence of any length. */
const fewSigns = 8
/** Sentences with less than this share of the best score are dropped. */
const leastShare = 0.5

/**
 * A provider of replies that needs no service and generates no text: it quotes the sentences of the
 * passages that have most of the question's words, weighted by rarity, and states that it quotes.
 *
 * @param options.delayMs - delay between two lines or sentences, so that a person can watch; 0 by
 * default
 */
export function createExtractiveReplies({ delayMs = 0 }: { readonly delayMs?: number } = {}): ReplyProvider {
  return {
    name: 'extractive',
    reply: (request) =>
      interruptible(async function* (returnSignal): AsyncGenerator<ReplyPart, void, undefined> {
        const signal = AbortSignal.any([request.signal, returnSignal])
        const { text, citations } = composeQuotation(request)
        try {
          for await (const piece of paced(cutIntoPieces(text), delayMs, signal)) {
            request.signal.throwIfAborted()
            yield { is: 'text', text: piece }
          }
        } catch (error) {
          request.signal.throwIfAborted()
          throw error
        }
        for (const citation of citations) yield { is: 'citation', ...citation }
      }),
  }
}

/** Composes the whole reply: quotations of the best sentences. */
export function composeQuotation({ passages, cardCount }: Pick<ReplyRequest, 'passages' | 'cardCount'>): {
  readonly text: string
  readonly citations: readonly { readonly passage: number; readonly quotation: string }[]
} {
  if (cardCount === 0)
    return {
      text: 'This session has no cards yet, and I only quote from cards. Add a document, a section, a quiz or a note, and ask again.',
      citations: [],
    }
  const sentences = passages.map(({ text }) => splitSentences(text.slice(0, maxPassageCharacters)))
  const candidates = choose(passages, sentences)
  if (candidates.length === 0)
    return {
      text: `${cardCount === 1 ? 'The card of this session says' : `The ${cardCount} cards of this session say`} nothing about that, or not in these words. I only quote from cards: add one that does, or ask in other words.`,
      citations: [],
    }
  const citations = candidates.map(({ passage, index }) => ({
    passage,
    quotation: quote(sentences[passage] ?? [], index),
  }))
  const quotations = citations.map(({ passage, quotation }, place) => {
    const { source, heading, page } = passages[passage] ?? { source: '', heading: '', page: null }
    const where = [`*${asMarkdown(source)}*`, ...(heading === '' || heading === source ? [] : [asMarkdown(heading)])]
    if (page !== null) where.push(`page ${page}`)
    return `> ${asMarkdown(quotation)}\n\n[${place + 1}] ${where.join(', ')}`
  })
  const intro = 'Quoted word for word from the cards of this session; I do not write answers of my own:'
  return { text: `${intro}\n\n${quotations.join('\n\n')}\n`, citations }
}

function choose(passages: readonly ReplyPassage[], sentences: readonly (readonly string[])[]): readonly Candidate[] {
  const wordsIn = passages.map((passage, index) => wordsOfSentences(passage, sentences[index] ?? []))
  const counts = new Map<string, number>()
  for (const words of wordsIn) for (const word of new Set(words.flat())) counts.set(word, (counts.get(word) ?? 0) + 1)
  const weightOf = (word: string): number => 1 / Math.sqrt(counts.get(word) ?? 1)
  const best = wordsIn.flatMap((words, passage): Candidate[] => {
    const scores = words.map((own, index) => ({
      passage,
      index,
      score: isProse(sentences[passage]?.[index] ?? '')
        ? [...new Set(own)].reduce((sum, word) => sum + weightOf(word), 0)
        : 0,
    }))
    const top = scores.toSorted((a, b) => b.score - a.score || a.index - b.index)[0]
    return top === undefined || top.score === 0 ? [] : [top]
  })
  const orderedScores = best.toSorted((a, b) => b.score - a.score || a.passage - b.passage)
  const least = (orderedScores[0]?.score ?? 0) * leastShare
  return orderedScores.filter(({ score }) => score >= least).slice(0, maxQuotations)
}

/**
 * Whether a sentence is prose: a listing parsed as one long sentence contains the words of many
 * questions, and answers none.
 */
function isProse(sentence: string): boolean {
  const signs = sentence.match(/[{}<>=;|\\"`]/g)?.length ?? 0
  return sentence.length <= longestSentence && signs <= Math.max(fewSigns, sentence.length * mostSigns)
}

/** Finds the question's words in each sentence of a passage; inflected forms match. */
function wordsOfSentences(
  { text, matches }: ReplyPassage,
  sentences: readonly string[],
): readonly (readonly string[])[] {
  let from = 0
  return sentences.map((sentence) => {
    const start = Math.max(from, text.indexOf(sentence, from))
    const end = start + sentence.length
    from = end
    return matches
      .filter((match) => match.start >= start && match.end <= end)
      .map((match) => text.slice(match.start, match.end).toLowerCase().slice(0, 6))
  })
}

function quote(sentences: readonly string[], index: number): string {
  const first = sentences[index] ?? ''
  const next = sentences[index + 1]
  return next === undefined || !isProse(next) || first.length + next.length > comfortableCharacters
    ? first
    : `${first} ${next}`
}

/** Escapes a text so that Markdown renders it unchanged. */
function asMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>~|]/g, '\\$&')
    .replace(/^(\s*)([#+-]|\d+[.)])/, '$1\\$2')
}
