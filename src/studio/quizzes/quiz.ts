import type { FailureState } from '../../engine.ts'
import type { Question as QuestionBody, QuestionKind } from '../content/question.ts'

export type { QuestionBody }

/**
 * The state of a quiz: being generated, under review, failed without any question, or published:
 * frozen and open for attempts.
 */
export type QuizStatus = 'GENERATING' | 'DRAFT' | 'FAILED' | 'PUBLISHED'

/** A quiz generated from a document. */
export interface Quiz {
  readonly id: string
  readonly owner: string
  /** null when the document was deleted. */
  readonly documentId: string | null
  readonly title: string
  readonly status: QuizStatus
  readonly requestedCount: number
  readonly kinds: readonly QuestionKind[]
  /** A sentence that the requester should know; null when the quiz is as requested. */
  readonly note: string | null
  readonly error: FailureState | null
  readonly createdAt: Date
  readonly publishedAt: Date | null
}

/** How a version of a question was created. */
type QuestionOrigin = 'GENERATED' | 'REPLACED' | 'EDITED'

/** A current or former version of a question. */
export interface QuestionVersion {
  readonly version: number
  readonly origin: QuestionOrigin
  /** Why the previous version was replaced; null when no reason was given. */
  readonly reason: string | null
  readonly body: QuestionBody
  readonly acceptedAt: Date | null
  readonly createdAt: Date
}

/** A slot of a quiz with its current version. */
export interface Question extends QuestionVersion {
  readonly id: string
  readonly quizId: string
  readonly owner: string
  /** 1, 2, 3 … */
  readonly position: number
  /** The version that undo restores; null for the first. */
  readonly parent: number | null
}

/** One attempt at a quiz. */
export interface Attempt {
  readonly id: string
  readonly quizId: string
  readonly taker: string
  readonly answers: readonly AnsweredQuestion[]
  readonly correctCount: number
  readonly questionCount: number
  readonly createdAt: Date
}

/** The answer to one question. */
export interface AnsweredQuestion {
  readonly questionId: string
  /** A key of an option, or a text; null when unanswered. */
  readonly given: string | null
  readonly isCorrect: boolean
}

/** An option of a question. */
export interface QuestionOption {
  /** `A`, `B`, `C` … for multiple choice, `TRUE` or `FALSE` for a statement. */
  readonly key: string
  /** Markdown. */
  readonly text: string
}

/** Returns the options of a question; empty for a free answer. */
export function optionsOf({ kind, options }: Pick<QuestionBody, 'kind' | 'options'>): QuestionOption[] {
  if (kind === 'CLOZE') return []
  if (kind === 'TRUE_FALSE')
    return [
      { key: 'TRUE', text: 'True' },
      { key: 'FALSE', text: 'False' },
    ]
  return options.map((text, place) => ({ key: String.fromCharCode(65 + place), text }))
}

/** Returns the key of the right option; null for a free answer. */
export function rightKeyOf(body: QuestionBody): string | null {
  if (body.kind === 'CLOZE') return null
  if (body.kind === 'TRUE_FALSE') return body.answer
  return optionsOf(body)[body.options.indexOf(body.answer)]?.key ?? null
}
