import type { PoolClient } from 'pg'
import {
  type Database,
  findActiveTask,
  TidingsError,
  type TransactionalAppender,
  withTransaction,
} from '../../engine.ts'
import { noteReview } from '../analytics/notes.ts'
import { type Changes, changeBody } from './edit.ts'
import { lockForReview, lockQuiz } from './locks.ts'
import type { QuestionBody } from './quiz.ts'
import { createQuizLog } from './updates.ts'

/**
 * The owner's operations on questions before publication. All of them are rejected for a question
 * that is being replaced.
 */
export interface Review {
  /**
   * Accepts a question, or revokes its acceptance.
   * @throws TidingsError `NOT_FOUND`, `CONFLICT`, as all of these
   */
  accept(owner: string, questionId: string, isAccepted: boolean): Promise<void>
  /**
   * Edits a question; the previous version is kept. An accepted question remains accepted.
   * @throws TidingsError `BAD_INPUT`
   */
  edit(owner: string, questionId: string, changes: Changes): Promise<void>
  /**
   * Moves a question to another position, from 1; allowed while it is being replaced.
   * @returns the quiz's id
   */
  move(owner: string, questionId: string, position: number): Promise<string>
  /** Restores the version that the current one replaced. */
  undo(owner: string, questionId: string): Promise<void>
  /**
   * Publishes a quiz: freezes its accepted questions and opens it for attempts. Other questions are
   * not included.
   */
  publish(owner: string, quizId: string): Promise<void>
}

/** The dependencies of {@link createReview}. */
export interface ReviewOptions {
  readonly database: Database
  readonly appender: TransactionalAppender
}

/** Creates the review. */
export function createReview({ database, appender }: ReviewOptions): Review {
  const quizLog = createQuizLog(appender)
  const inTransaction = <T>(run: (client: PoolClient) => Promise<T>): Promise<T> => withTransaction(database, run)
  return {
    accept: (owner, questionId, isAccepted) =>
      inTransaction(async (client) => {
        const { quiz, version } = await lockForReview(client, questionId, owner)
        await client.query(
          `update studio.question_version set accepted_at = case when $3 then coalesce(accepted_at, now()) end
           where question_id = $1 and version = $2`,
          [questionId, version, isAccepted],
        )
        const cause = isAccepted ? 'ACCEPTED' : 'UNACCEPTED'
        await quizLog.append(client, quiz.id, {
          type: 'QuizQuestionChanged',
          payload: { questionId, version, isAccepted, cause },
        })
        await noteReview(client, appender, { quizId: quiz.id, questionId, version, isAccepted })
      }),
    edit: (owner, questionId, changes) =>
      inTransaction(async (client) => {
        const { quiz, version } = await lockForReview(client, questionId, owner)
        const { rows } = await client.query<{ body: QuestionBody }>(
          'select body from studio.question_version where question_id = $1 and version = $2',
          [questionId, version],
        )
        const before = rows[0]?.body
        if (before === undefined) throw new Error(`Question "${questionId}" has no version ${version}`)
        const body = changeBody(before, changes)
        if (JSON.stringify(body) === JSON.stringify(before)) return
        const { rows: editedRows } = await client.query<{ version: number; isAccepted: boolean }>(
          `with made as (
             insert into studio.question_version (question_id, version, parent, origin, body, accepted_at)
             select $1, (select max(version) + 1 from studio.question_version where question_id = $1), $2, 'EDITED', $3, accepted_at
             from studio.question_version where question_id = $1 and version = $2
             returning version, accepted_at
           ) update studio.question set version = made.version from made where id = $1
           returning made.version, made.accepted_at is not null as "isAccepted"`,
          [questionId, version, JSON.stringify(body)],
        )
        for (const change of editedRows)
          await quizLog.append(client, quiz.id, {
            type: 'QuizQuestionChanged',
            payload: { questionId, ...change, cause: 'EDITED' },
          })
      }),
    move: (owner, questionId, position) =>
      inTransaction(async (client) => {
        const quizId = await lockForMove(client, questionId, owner)
        const { rows } = await client.query<{ id: string }>(
          'select id from studio.question where quiz_id = $1 order by position, id',
          [quizId],
        )
        const otherIds = rows.map(({ id }) => id).filter((id) => id !== questionId)
        if (position < 1 || position > otherIds.length + 1)
          throw badPosition(`Position ${position} is not in this quiz; allowed: 1 to ${otherIds.length + 1}`)
        const order = otherIds.toSpliced(position - 1, 0, questionId)
        await client.query(
          `update studio.question set position = ord from unnest($1::text[]) with ordinality as o(id, ord)
           where question.id = o.id and question.position <> ord`,
          [order],
        )
        await quizLog.append(client, quizId, { type: 'QuizReordered', payload: { questionIds: order } })
        return quizId
      }),
    undo: (owner, questionId) =>
      inTransaction(async (client) => {
        const { quiz, parent } = await lockForReview(client, questionId, owner)
        if (parent === null)
          throw new TidingsError('CONFLICT', `Question "${questionId}" is as it was made; there is nothing to undo`)
        const { rows } = await client.query<{ accepted: boolean }>(
          `update studio.question q set version = v.version from studio.question_version v
           where q.id = $1 and v.question_id = q.id and v.version = $2 returning v.accepted_at is not null as accepted`,
          [questionId, parent],
        )
        const isAccepted = rows[0]?.accepted === true
        await quizLog.append(client, quiz.id, {
          type: 'QuizQuestionChanged',
          payload: { questionId, version: parent, isAccepted, cause: 'RESTORED' },
        })
        await noteReview(client, appender, { quizId: quiz.id, questionId, version: parent, isAccepted })
      }),
    publish: (owner, quizId) =>
      inTransaction(async (client) => {
        const quiz = await lockQuiz(client, quizId, owner)
        const { rows } = await client.query<{ id: string; accepted_at: Date | null }>(
          `select q.id, v.accepted_at from studio.question q join studio.question_version v on v.question_id = q.id and v.version = q.version
           where q.quiz_id = $1`,
          [quizId],
        )
        const ids = rows.map(({ id }) => id)
        const task = await findActiveTask(client, ids)
        if (task !== undefined)
          throw new TidingsError('CONFLICT', `A question of quiz "${quizId}" is being replaced; wait for it`, {
            taskId: task.id,
          })
        if (rows.every((row) => row.accepted_at === null))
          throw new TidingsError(
            'CONFLICT',
            `No question of quiz "${quiz.title}" is accepted; only accepted ones are published`,
          )
        await client.query(`update studio.quiz set status = 'PUBLISHED', published_at = now() where id = $1`, [quizId])
        await quizLog.append(client, quizId, { type: 'QuizStatusChanged', payload: { status: 'PUBLISHED' } })
      }),
  }
}

/** @throws TidingsError `NOT_FOUND`, `CONFLICT` */
async function lockForMove(client: PoolClient, questionId: string, owner: string): Promise<string> {
  const { rows } = await client.query<{ quiz_id: string }>(
    `select q.quiz_id from studio.question q join studio.quiz z on z.id = q.quiz_id
     where q.id = $1 and z.owner = $2 and q.version is not null`,
    [questionId, owner],
  )
  const quizId = rows[0]?.quiz_id
  if (quizId === undefined)
    throw new TidingsError('NOT_FOUND', `There is no question "${questionId}"`, { id: questionId })
  await lockQuiz(client, quizId, owner)
  return quizId
}

function badPosition(message: string): TidingsError {
  return new TidingsError('BAD_INPUT', message, { issues: [{ path: 'input.position', message }] })
}
