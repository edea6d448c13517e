import type { FailureState } from '../../tasks/task.ts'
import type { Question as QuestionBody, QuestionKind } from '../content/question.ts'

export type { QuestionBody }

/** Where a quiz is: being made, under review, without a single question, or frozen and open to be taken. */
export type QuizStatus = 'GENERATING' | 'DRAFT' | 'FAILED' | 'PUBLISHED'

/** A quiz made from a document. */
export interface Quiz {
  readonly id: string
  readonly owner: string
  /** null when the document was deleted since. */
  readonly documentId: string | null
  readonly title: string
  readonly status: QuizStatus
  readonly requestedCount: number
  readonly kinds: readonly QuestionKind[]
  /** What whoever asked for it should know, as a sentence; null when all is as asked for. */
  readonly note: string | null
  readonly error: FailureState | null
  readonly createdAt: Date
  readonly publishedAt: Date | null
}

/** Where a version of a question comes from. */
export type QuestionOrigin = 'GENERATED' | 'REPLACED' | 'EDITED'

/** What stands, or once stood, in a place of a quiz. */
export interface QuestionVersion {
  readonly version: number
  readonly origin: QuestionOrigin
  /** Why the one before was replaced; null when nobody said. */
  readonly reason: string | null
  readonly body: QuestionBody
  readonly acceptedAt: Date | null
  readonly createdAt: Date
}

/** A place in a quiz with the version that it shows. */
export interface Question extends QuestionVersion {
  readonly id: string
  readonly quizId: string
  readonly owner: string
  /** 1, 2, 3 … */
  readonly position: number
  /** The version that undoing goes back to; null for the first. */
  readonly parent: number | null
}

/** A quiz that was taken. */
export interface Attempt {
  readonly id: string
  readonly quizId: string
  readonly taker: string
  readonly answers: readonly AnsweredQuestion[]
  readonly correctCount: number
  readonly questionCount: number
  readonly createdAt: Date
}

/** What was given to one question. */
export interface AnsweredQuestion {
  readonly questionId: string
  /** A key of an option, or a text; null when it was left open. */
  readonly given: string | null
  readonly isCorrect: boolean
}

/** An option as it is shown and chosen. */
export interface QuestionOption {
  /** `A`, `B`, `C` … of a multiple choice, `TRUE` or `FALSE` of a statement. */
  readonly key: string
  /** Markdown. */
  readonly text: string
}

/** What can be chosen; empty where the answer is written. */
export function optionsOf({ kind, options }: Pick<QuestionBody, 'kind' | 'options'>): QuestionOption[] {
  if (kind === 'CLOZE') return []
  if (kind === 'TRUE_FALSE')
    return [
      { key: 'TRUE', text: 'True' },
      { key: 'FALSE', text: 'False' },
    ]
  return options.map((text, place) => ({ key: String.fromCharCode(65 + place), text }))
}

/** The key of the right option; null where the answer is written. */
export function rightKeyOf(body: QuestionBody): string | null {
  if (body.kind === 'CLOZE') return null
  if (body.kind === 'TRUE_FALSE') return body.answer
  return optionsOf(body)[body.options.indexOf(body.answer)]?.key ?? null
}
