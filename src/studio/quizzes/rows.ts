import type { FailureState } from '../../tasks/model/task.ts'
import type { QuestionKind } from '../content/question.ts'
import type { Question, QuestionBody, QuestionOrigin, QuestionVersion, Quiz, QuizStatus } from './quiz.ts'

/** A row of {@link quizColumns}. */
export interface QuizRow {
  id: string
  owner: string
  document_id: string | null
  title: string
  status: QuizStatus
  requested_count: number
  kinds: QuestionKind[]
  note: string | null
  error: FailureState | null
  created_at: Date
  published_at: Date | null
}

/** The columns of `quiz` for {@link toQuiz}. */
export const quizColumns =
  'id, owner, document_id, title, status, requested_count, kinds, note, error, created_at, published_at'

/** Converts a row to a quiz. */
export function toQuiz(row: QuizRow): Quiz {
  return {
    id: row.id,
    owner: row.owner,
    documentId: row.document_id,
    title: row.title,
    status: row.status,
    requestedCount: row.requested_count,
    kinds: row.kinds,
    note: row.note,
    error: row.error,
    createdAt: row.created_at,
    publishedAt: row.published_at,
  }
}

/** A row of {@link versionColumns}. */
export interface VersionRow {
  question_id: string
  version: number
  parent: number | null
  origin: QuestionOrigin
  reason: string | null
  body: QuestionBody
  accepted_at: Date | null
  created_at: Date
}

/** The columns of `question_version v` for {@link toVersion}. */
export const versionColumns =
  'v.question_id, v.version, v.parent, v.origin, v.reason, v.body, v.accepted_at, v.created_at'

/** Converts a row to a version. */
export function toVersion(row: VersionRow): QuestionVersion {
  return {
    version: row.version,
    origin: row.origin,
    reason: row.reason,
    body: row.body,
    acceptedAt: row.accepted_at,
    createdAt: row.created_at,
  }
}

/** A row of {@link questionColumns}. */
export interface QuestionRow extends VersionRow {
  id: string
  quiz_id: string
  owner: string
  /** From 1. */
  place: number
}

/** The columns of {@link questionSource} for {@link toQuestion}. */
export const questionColumns = `q.id, q.quiz_id, z.owner, q.place, ${versionColumns}`
/** Finished questions, numbered within their quiz. */
export const questionSource = `(
    select *, row_number() over (partition by quiz_id order by position, id)::int as place from question where version is not null
  ) q join quiz z on z.id = q.quiz_id join question_version v on v.question_id = q.id and v.version = q.version`

/** Converts a row to a question. */
export function toQuestion(row: QuestionRow): Question {
  return {
    ...toVersion(row),
    id: row.id,
    quizId: row.quiz_id,
    owner: row.owner,
    position: row.place,
    parent: row.parent,
  }
}
