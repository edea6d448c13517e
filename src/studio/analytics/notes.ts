import type { PoolClient } from 'pg'
import { appendInTransaction, createTopic, type TransactionalAppender, taskTopic } from '../../engine.ts'

/** The topic of a quiz's review: every `QuestionReviewed`, in order. */
function reviewTopic(quizId: string): string {
  return `review:${quizId}`
}

/** The payload of `QuestionReviewed`: whether the current question of a slot is accepted. */
interface ReviewNote {
  readonly quizId: string
  readonly questionId: string
  /** The version of the current question. */
  readonly version: number
  readonly isAccepted: boolean
}

/**
 * Registers a task that generates a quiz, and the quiz's review, for counting. Call it in the
 * transaction that starts the task, for each task that continues the quiz.
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
    `insert into studio.analytics_topic (topic, owner, kind, document_id, title, is_due)
     values ($1, $3, 'GENERATE_QUIZ', $4, $5, true), ($2, $3, 'REVIEW', $4, $5, false) on conflict do nothing`,
    [taskTopic(taskId), reviewTopic(quizId), owner, documentId, title],
  )
  await createTopic(client, reviewTopic(quizId))
}

/** Registers a task that replaces a question for counting. Call it in the transaction that starts it. */
export async function noteReplacement(
  client: PoolClient,
  { taskId, quizId }: { readonly taskId: string; readonly quizId: string },
): Promise<void> {
  await client.query(
    `insert into studio.analytics_topic (topic, owner, kind, document_id, title, is_due)
     select $1, owner, 'REPLACE_QUESTION', document_id, title, true from studio.analytics_topic where topic = $2`,
    [taskTopic(taskId), reviewTopic(quizId)],
  )
}

/**
 * Logs that a question was accepted or is no longer accepted: by its reviewer, by undo, or because
 * it was replaced. Call it in the transaction of the change, after its rows are locked.
 */
export async function noteReview(
  client: PoolClient,
  appender: TransactionalAppender,
  { quizId, ...payload }: ReviewNote,
): Promise<void> {
  const topic = reviewTopic(quizId)
  // Locks this row before the topic's row, in the same order as the projector. It serialises with
  // the projector, which clears the mark.
  await client.query('update studio.analytics_topic set is_due = true where topic = $1', [topic])
  const result = await appendInTransaction(appender, client, {
    topic,
    events: [{ type: 'QuestionReviewed', payload }],
  })
  if (!result.accepted) throw new Error(`The review of quiz "${quizId}" has no log`)
}
