import type { PoolClient } from 'pg'
import { appendInTransaction, type Database, type Ending, type TransactionalAppender } from '../../engine.ts'
import type { QuizStatus } from './quiz.ts'

/**
 * Returns the name of a quiz's topic. The topic begins with the quiz, by the trigger `quiz_topic`, and
 * ends with its deletion.
 */
export function quizTopic(id: string): string {
  return `quiz:${id}`
}

/** The cause of a change to a question. */
export type QuestionCause = 'GENERATED' | 'REPLACED' | 'EDITED' | 'RESTORED' | 'ACCEPTED' | 'UNACCEPTED'

/** The state of a question covered by the topic. */
export interface QuestionState {
  readonly questionId: string
  readonly version: number
  readonly isAccepted: boolean
}

/** An event of a quiz's topic. Every event is appended in the transaction of its change. */
type QuizEvent =
  /** A task was queued; without a question, the one that generates the quiz. */
  | {
      readonly type: 'QuizTaskStarted'
      readonly payload: { readonly taskId: string; readonly questionId: string | null }
    }
  | {
      readonly type: 'QuizTaskEnded'
      readonly payload: {
        readonly taskId: string
        readonly questionId: string | null
        readonly status: Ending['status']
      }
    }
  | { readonly type: 'QuizQuestionChanged'; readonly payload: QuestionState & { readonly cause: QuestionCause } }
  /** All questions in their new order. */
  | { readonly type: 'QuizReordered'; readonly payload: { readonly questionIds: readonly string[] } }
  | { readonly type: 'QuizStatusChanged'; readonly payload: { readonly status: QuizStatus } }
  /** The terminal event. */
  | { readonly type: 'QuizDeleted'; readonly payload: Readonly<Record<string, never>> }

/** Appends events of quizzes. */
export interface QuizLog {
  /**
   * Appends to a quiz's topic in the caller's transaction, and publishes after its commit. The topic
   * stays locked until then: lock the quiz and its questions before it, and the topics of the review
   * and of the task after it.
   */
  append(client: PoolClient, quizId: string, ...events: readonly QuizEvent[]): Promise<void>
}

/** Creates the appender of quiz events. */
export function createQuizLog(appender: TransactionalAppender): QuizLog {
  return {
    async append(client, quizId, ...events) {
      if (events.length === 0) return
      const result = await appendInTransaction(appender, client, {
        topic: quizTopic(quizId),
        close: events.at(-1)?.type === 'QuizDeleted',
        events: events.map(({ type, payload }) => ({ type, payload: { ...payload } })),
      })
      if (!result.accepted) throw new Error(`The topic of the quiz "${quizId}" is closed`)
    },
  }
}

/** The state of a quiz covered by its topic. */
export interface QuizState {
  readonly status: QuizStatus
  /** In the order of the quiz. */
  readonly questions: readonly QuestionState[]
  /** The active tasks, oldest first. */
  readonly activeTasks: readonly { readonly taskId: string; readonly questionId: string | null }[]
}

/**
 * Reads the current state of a quiz and the seq of its topic at which it holds; null when there is
 * no such quiz.
 */
export async function readQuizState(
  { pool }: Pick<Database, 'pool'>,
  id: string,
): Promise<{ readonly seq: number; readonly state: QuizState } | null> {
  // One statement, hence one snapshot: every change advances the topic in the same transaction.
  const { rows } = await pool.query<{ seq: number } & QuizState>(
    `select t.seq, z.status,
       coalesce((select jsonb_agg(jsonb_build_object('questionId', q.id, 'version', q.version,
           'isAccepted', v.accepted_at is not null) order by q.position, q.id)
         from studio.question q join studio.question_version v on v.question_id = q.id and v.version = q.version
         where q.quiz_id = z.id), '[]') as questions,
       coalesce((select jsonb_agg(jsonb_build_object('taskId', k.id, 'questionId', nullif(k.subject, z.id))
           order by k.created_at, k.id)
         from tidings.task k where k.status in ('QUEUED', 'RUNNING', 'RETRYING')
           and k.subject in (select z.id union all select id from studio.question where quiz_id = z.id)), '[]') as "activeTasks"
     from tidings.topic t join studio.quiz z on z.id = $2 where t.name = $1`,
    [quizTopic(id), id],
  )
  const [row] = rows
  if (row === undefined) return null
  const { seq, ...state } = row
  return { seq, state }
}
