import type { PoolClient } from 'pg'
import { findActiveTask, TidingsError } from '../../engine.ts'
import type { Quiz } from './quiz.ts'
import { quizColumns } from './rows.ts'

/**
 * An editable question with its quiz; both are locked until the transaction ends, the quiz first,
 * as in all transactions.
 */
interface Locked {
  readonly quiz: Quiz
  /** From 1. */
  readonly place: number
  readonly version: number
  readonly parent: number | null
}

/**
 * Locks a quiz of the owner that is under review.
 * @throws TidingsError `NOT_FOUND`; `CONFLICT` when it is published, or with the task that
 * generates it
 */
export async function lockQuiz(client: PoolClient, quizId: string, owner: string): Promise<Quiz> {
  const { rows } = await client.query<Quiz>(
    `select ${quizColumns} from studio.quiz where id = $1 and owner = $2 for no key update`,
    [quizId, owner],
  )
  const [row] = rows
  if (row === undefined) throw new TidingsError('NOT_FOUND', `There is no quiz "${quizId}"`, { id: quizId })
  if (row.status === 'PUBLISHED')
    throw new TidingsError('CONFLICT', `Quiz "${quizId}" is published and does not change any more`)
  if (row.status === 'GENERATING')
    throw new TidingsError('CONFLICT', `Quiz "${quizId}" is still being made`, {
      taskId: (await findActiveTask(client, [quizId]))?.id,
    })
  return row
}

/**
 * Locks an editable question of the owner.
 * @throws TidingsError `NOT_FOUND`; `CONFLICT` when its quiz is published, with the task that
 * generates the quiz, or with the one that replaces the question
 */
export async function lockForReview(client: PoolClient, questionId: string, owner: string): Promise<Locked> {
  const result = await client.query<{ quiz_id: string }>(
    `select q.quiz_id from studio.question q join studio.quiz z on z.id = q.quiz_id
     where q.id = $1 and z.owner = $2 and q.version is not null`,
    [questionId, owner],
  )
  const quizId = result.rows[0]?.quiz_id
  if (quizId === undefined)
    throw new TidingsError('NOT_FOUND', `There is no question "${questionId}"`, { id: questionId })
  const quiz = await lockQuiz(client, quizId, owner)
  const { rows } = await client.query<{ version: number; parent: number | null; place: number }>(
    `select q.version, v.parent,
       (select count(*)::int from studio.question o where o.quiz_id = q.quiz_id and o.version is not null
         and (o.position, o.id) <= (q.position, q.id)) as place
     from studio.question q join studio.question_version v on v.question_id = q.id and v.version = q.version
     where q.id = $1 for no key update of q`,
    [questionId],
  )
  const [row] = rows
  if (row === undefined) throw new TidingsError('NOT_FOUND', `There is no question "${questionId}"`, { id: questionId })
  const task = await findActiveTask(client, [questionId])
  if (task !== undefined)
    throw new TidingsError('CONFLICT', `Question "${questionId}" is being replaced; wait for it, or cancel that`, {
      taskId: task.id,
    })
  return { quiz, ...row }
}
