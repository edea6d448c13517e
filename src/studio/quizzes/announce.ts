import type { PoolClient } from 'pg'
import type { Announcement, Ending } from '../../engine.ts'
import { quote } from '../text/text.ts'

/** Describes the end of generating a quiz for its owner; null when the quiz no longer exists. */
export async function announceQuiz(client: PoolClient, { subject, status }: Ending): Promise<Announcement | null> {
  const { rows } = await client.query<{ title: string; note: string | null; count: number }>(
    `select title, note, (select count(*) from studio.question where quiz_id = quiz.id and version is not null) as count
     from studio.quiz where id = $1`,
    [subject],
  )
  const [quiz] = rows
  if (quiz === undefined) return null
  const { title, note, count } = quiz
  if (status !== 'COMPLETED') return { title: `Your quiz on ${quote(title)} could not be made` }
  const message =
    note ?? (count === 1 ? 'One question waits for your review.' : `${count} questions wait for your review.`)
  return { title: `Your quiz on ${quote(title)} is ready`, message, isPartial: note !== null }
}

/** Describes the end of replacing a question, with a link to the quiz; null when it no longer exists. */
export async function announceReplacement(
  client: PoolClient,
  questionId: string,
  { status }: Ending,
): Promise<Announcement | null> {
  const { rows } = await client.query<{ id: string; title: string }>(
    'select z.id, z.title from studio.quiz z join studio.question q on q.quiz_id = z.id where q.id = $1',
    [questionId],
  )
  const [quiz] = rows
  if (quiz === undefined) return null
  const where = `of your quiz on ${quote(quiz.title)}`
  const title = `A question ${where} ${status === 'COMPLETED' ? 'was replaced' : 'could not be replaced'}`
  return { title, aboutId: quiz.id }
}
