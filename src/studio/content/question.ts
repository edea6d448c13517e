/** The form of a question. */
export type QuestionKind = 'MULTIPLE_CHOICE' | 'CLOZE' | 'TRUE_FALSE'

/** All kinds, in the order of rotation. */
export const questionKinds: readonly QuestionKind[] = ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE']

/** Approximate difficulty of a question. */
export type Difficulty = 'EASY' | 'MEDIUM' | 'HARD'

/** The gap of a cloze; occurs exactly once in its prompt. */
export const gap = '_____'

/** The passage of a document that answers a question. */
export interface Citation {
  readonly sectionKey: string
  readonly heading: string
  /**
   * The passage, as plain text. It occurs in the section, ignoring markup, case, punctuation and
   * white space.
   */
  readonly quotation: string
}

/**
 * A question with its answer. Prompt, options and explanation are Markdown, and as untrusted as the
 * document.
 */
export interface Question {
  readonly kind: QuestionKind
  readonly prompt: string
  /** MULTIPLE_CHOICE: three to five distinct options; otherwise empty. */
  readonly options: readonly string[]
  /**
   * MULTIPLE_CHOICE: one of the options. CLOZE: the text of the gap, as plain text. TRUE_FALSE:
   * `TRUE` or `FALSE`.
   */
  readonly answer: string
  /** CLOZE: other correct answers, as plain text; otherwise empty. */
  readonly alternatives: readonly string[]
  readonly explanation: string
  readonly difficulty: Difficulty
  readonly citation: Citation
}

/** Longer sections are cut before they are analysed. */
export const maxSectionCharacters = 12_000

/** A section of the document that questions are about. */
export interface QuestionSection {
  readonly key: string
  readonly heading: string
  /** Markdown; may be empty. */
  readonly body: string
}

/** The questions to create, and their source. */
export interface QuestionRequest {
  /** The document's title. */
  readonly title: string
  /** The document, in order. */
  readonly sections: readonly QuestionSection[]
  /** At most this many; at least 1. */
  readonly count: number
  /** The kinds rotate, as far as the document allows; at least one. */
  readonly kinds: readonly QuestionKind[]
  /** Questions to avoid: those the quiz has now, and those it had before. */
  readonly avoid: readonly Pick<Question, 'prompt' | 'answer' | 'citation'>[]
  /** The preferred section, e.g. when a question is replaced; undefined to cover the whole document. */
  readonly nearSection?: string | undefined
  /** The problem with the replaced question, in the reviewer's words. */
  readonly reason?: string | undefined
  /**
   * The same seed requests the same questions, a different one other questions, as far as the
   * provider supports it.
   */
  readonly seed: number
  /** Aborts the work. */
  readonly signal: AbortSignal
}

/**
 * The source of questions. One contract suite, `test/studio/content/question-contract.ts`, runs on
 * every implementation.
 *
 * An implementer guarantees:
 * - `ask` itself never throws and starts nothing; work begins with the first `next()`.
 * - Each question is complete and matches {@link Question}: its citation has been located in the
 *   section that it names, and no two questions, including those of `avoid`, are the same by
 *   {@link isSameQuestion}.
 * - Questions are yielded one at a time, each as soon as it is created; the iteration ends early
 *   when the document yields no more. No questions at all is an empty iteration, not a failure.
 * - Abort, failures and early return behave as for `ContentProvider`: the signal's reason, a
 *   `ContentError`, immediately.
 */
export interface QuestionProvider {
  /** For logs and for branching on the provider: `extractive`, `openai`. */
  readonly name: string
  ask(request: QuestionRequest): AsyncIterable<Question>
}

const frame = new Set(
  'what which does do is are the text say says about this that sentence completes complete fill in gap true or false according to of a an missing line term explained here how why when where who one following statement'.split(
    ' ',
  ),
)

/**
 * Splits a text into lower-case words of letters and digits, without markup and punctuation, for
 * comparison. A gap is kept.
 */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .replaceAll(gap, ' gapgap ')
    .replace(/\]\([^()\s]*\)/g, '] ')
    .toLowerCase()
  return plain.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
}

/** The words that identify a question, without the standard instruction of its kind. */
function essenceOf({ prompt, answer }: Pick<Question, 'prompt' | 'answer'>): Set<string> {
  const words = wordsOf(prompt.replaceAll(gap, ` ${answer} `))
  const answerWords = words.filter((word) => !frame.has(word))
  return new Set(answerWords.length > 0 ? answerWords : words)
}

/** Minimum share of common words at which two questions are the same. */
const sameShare = 0.8

/** Questions that must not be asked again. */
interface AskedQuestions {
  add(question: Pick<Question, 'prompt' | 'answer'>): void
  /** Whether one of them is the same as the question, by {@link isSameQuestion}. */
  has(question: Pick<Question, 'prompt' | 'answer'>): boolean
}

/** Creates a collection of asked questions; the words of each are read once. */
export function createAskedQuestions(questions: readonly Pick<Question, 'prompt' | 'answer'>[] = []): AskedQuestions {
  const essences = questions.map(essenceOf)
  return {
    add(question) {
      essences.push(essenceOf(question))
    },
    has(question) {
      const own = essenceOf(question)
      return essences.some((essence) => isSameEssence(own, essence))
    },
  }
}

function isSameEssence(first: ReadonlySet<string>, second: ReadonlySet<string>): boolean {
  let sharedCount = 0
  for (const word of first) if (second.has(word)) sharedCount += 1
  const all = first.size + second.size - sharedCount
  return all === 0 || sharedCount / all >= sameShare
}

/**
 * Whether two questions are equivalent: identical, or so similar that the answer to one answers the
 * other. A gap counts as its answer, so two gaps in one sentence, and the sentence as a statement,
 * are the same.
 */
export function isSameQuestion(
  a: Pick<Question, 'prompt' | 'answer'>,
  b: Pick<Question, 'prompt' | 'answer'>,
): boolean {
  return isSameEssence(essenceOf(a), essenceOf(b))
}
