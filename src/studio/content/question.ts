/** What a question asks of who answers it. */
export type QuestionKind = 'MULTIPLE_CHOICE' | 'CLOZE' | 'TRUE_FALSE'

/** All kinds, in the order in which they take turns. */
export const questionKinds: readonly QuestionKind[] = ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE']

/** How hard a question is, roughly. */
export type Difficulty = 'EASY' | 'MEDIUM' | 'HARD'

/** The gap of a cloze, in its prompt exactly once. */
export const gap = '_____'

/** Where in a document a question is answered. */
export interface Citation {
  readonly sectionKey: string
  readonly heading: string
  /** The passage, as plain text. It occurs in the section, but for markup, case, punctuation and white space. */
  readonly quotation: string
}

/** A question with its answer. Prompt, options and explanation are Markdown, and as little to be trusted as the document. */
export interface Question {
  readonly kind: QuestionKind
  readonly prompt: string
  /** MULTIPLE_CHOICE: three to five different ones; otherwise empty. */
  readonly options: readonly string[]
  /** MULTIPLE_CHOICE: one of the options. CLOZE: what the gap stands for, as plain text. TRUE_FALSE: `TRUE` or `FALSE`. */
  readonly answer: string
  /** CLOZE: what else is right, as plain text; otherwise empty. */
  readonly alternatives: readonly string[]
  readonly explanation: string
  readonly difficulty: Difficulty
  readonly citation: Citation
}

/** A part of the document that is asked about. */
export interface QuestionSection {
  readonly key: string
  readonly heading: string
  /** Markdown; may be empty. */
  readonly body: string
}

/** Which questions to make, and of what. */
export interface QuestionRequest {
  /** The document's title. */
  readonly title: string
  /** The document, in order. */
  readonly sections: readonly QuestionSection[]
  /** At most this many; at least 1. */
  readonly count: number
  /** They take turns, as far as the document allows; at least one. */
  readonly kinds: readonly QuestionKind[]
  /** None like these: what the quiz has, and what it had before. */
  readonly avoid: readonly Pick<Question, 'prompt' | 'answer' | 'citation'>[]
  /** The section to ask about first, as for a question in place of another; undefined for all over the document. */
  readonly nearSection?: string | undefined
  /** What was wrong with the question that is replaced, in the words of whoever reviews it. */
  readonly reason?: string | undefined
  /** The same seed asks for the same questions again, another one for others, as far as the provider can. */
  readonly seed: number
  /** Ends the work. */
  readonly signal: AbortSignal
}

/**
 * Where questions come from. One contract suite, `test/studio/content/question-contract.ts`, runs on every implementation.
 *
 * An implementer owes:
 * - `ask` itself never throws and starts nothing; work begins with the first `next()`.
 * - Each question is complete and fits {@link Question}: its citation has been looked up in the section that it names, and no
 *   two of them, and none of them and `avoid`, are the same by {@link isSameQuestion}.
 * - They come one by one, each as soon as it is made, and end early when the document yields no more. None at all is an
 *   empty iteration, not a failure.
 * - Abortion, failures and leaving are as for `ContentProvider`: the signal's reason, a `ContentError`, at once.
 */
export interface QuestionProvider {
  /** For logs and decisions about it: `extractive`, `openai`. */
  readonly name: string
  ask(request: QuestionRequest): AsyncIterable<Question>
}

const frame = new Set(
  'what which does do is are the text say says about this that sentence completes complete fill in gap true or false according to of a an missing line term explained here how why when where who one following statement'.split(
    ' ',
  ),
)

/** Letters and digits of a text in lower case, markup and punctuation gone: for comparing. A gap stays. */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .replaceAll(gap, ' gapgap ')
    .replace(/\]\([^()\s]*\)/g, '] ')
    .toLowerCase()
  return plain.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
}

/** What makes a question the question it is, whatever its kind's instruction says. */
function essenceOf({ prompt, answer }: Pick<Question, 'prompt' | 'answer'>): Set<string> {
  const whole = wordsOf(prompt.replaceAll(gap, ` ${answer} `))
  const telling = whole.filter((word) => !frame.has(word))
  return new Set(telling.length > 0 ? telling : whole)
}

/** Questions whose words are the same to this part are the same question. */
const sameShare = 0.8

/**
 * Whether two questions ask the same: word for word, or so nearly that who answers one has answered the other. A gap counts
 * as its answer, so that two gaps in one sentence, and the sentence as a statement, are the same.
 */
export function isSameQuestion(
  a: Pick<Question, 'prompt' | 'answer'>,
  b: Pick<Question, 'prompt' | 'answer'>,
): boolean {
  const [one, other] = [essenceOf(a), essenceOf(b)]
  const shared = [...one].filter((word) => other.has(word)).length
  const all = one.size + other.size - shared
  return all === 0 || shared / all >= sameShare
}
