import type { PoolClient } from 'pg'
import { type Telling, tellIn } from '../../log/tell.ts'
import { createTopic } from '../../log/topic.ts'
import { taskTopic } from '../../tasks/task.ts'

/** The log of a quiz's review: every `QuestionReviewed`, in order. */
export function reviewTopic(quizId: string): string {
  return `review:${quizId}`
}

/** What `QuestionReviewed` tells: whether what now stands in a place of a quiz is accepted. */
export interface ReviewNote {
  readonly quizId: string
  readonly questionId: string
  /** What stands there. */
  readonly version: number
  readonly isAccepted: boolean
}

/**
 * Has a task that makes a quiz counted, and from then on the quiz's review. To be called in the transaction that starts the
 * task, for each task that goes on with the quiz.
 */
export async function noteQuiz(
  client: PoolClient,
  {
    taskId,
    owner,
    quizId,
    documentId,
    title,
  }: {
    readonly taskId: string
    readonly owner: string
    readonly quizId: string
    readonly documentId: string
    readonly title: string
  },
): Promise<void> {
  await client.query(
    `insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
     values ($1, $3, 'GENERATE_QUIZ', $4, $5, true), ($2, $3, 'REVIEW', $4, $5, false) on conflict do nothing`,
    [taskTopic(taskId), reviewTopic(quizId), owner, documentId, title],
  )
  await createTopic(client, reviewTopic(quizId))
}

/** Has a task that replaces a question of a quiz counted. To be called in the transaction that starts it. */
export async function noteReplacement(
  client: PoolClient,
  { taskId, quizId }: { readonly taskId: string; readonly quizId: string },
): Promise<void> {
  await client.query(
    `insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
     select $1, owner, 'REPLACE_QUESTION', document_id, title, true from analytics_topic where topic = $2`,
    [taskTopic(taskId), reviewTopic(quizId)],
  )
}

/**
 * Logs that a question was accepted, or no longer is: by its reviewer, by undoing, or because another took its place. To be
 * called in the transaction of the change, after its rows are locked.
 */
export async function noteReview(
  client: PoolClient,
  appender: Telling,
  { quizId, ...payload }: ReviewNote,
): Promise<void> {
  const topic = reviewTopic(quizId)
  // This row before the topic's, as the projector locks them. It serialises with the projector, which takes the mark away.
  await client.query('update analytics_topic set is_due = true where topic = $1', [topic])
  const appended = await tellIn(appender, client, { topic, events: [{ type: 'QuestionReviewed', payload }] })
  if (!appended.accepted) throw new Error(`The review of quiz "${quizId}" has no log`)
}
