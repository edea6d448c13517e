import type { PoolClient } from 'pg'
import type { Facts } from './fold.ts'

/** A counted topic, locked for the duration of the transaction. */
export interface LockedTopic {
  readonly topic: string
  readonly owner: string
  readonly kind: 'GENERATE_QUIZ' | 'REPLACE_QUESTION' | 'REVIEW'
  readonly document_id: string
  readonly seq: number
}

/** The changed figures of one owner, as keys of the parts to publish. */
export interface Touched {
  readonly documentIds: Set<string>
  /** Start of each hour, RFC 3339. */
  readonly hours: Set<string>
  readonly completedQuestions: { readonly topic: string; readonly questionId: string }[]
}

/** Merges the folded events of a topic into the stored counts, and records which figures may have changed. */
export async function writeFacts(
  client: PoolClient,
  locked: LockedTopic,
  { status, at, questions, reviews }: Facts,
  touched: Touched,
): Promise<void> {
  if (at !== null) {
    await client.query('update studio.analytics_topic set status = coalesce($2, status), at = $3 where topic = $1', [
      locked.topic,
      status,
      at,
    ])
    touched.documentIds.add(locked.document_id)
  }
  if (questions.size > 0) await writeQuestions(client, locked, questions, touched)
  if (reviews.size > 0) await writeReviews(client, locked, reviews)
}

async function writeQuestions(
  client: PoolClient,
  { topic, owner, kind, document_id: documentId }: LockedTopic,
  questions: Facts['questions'],
  { hours, completedQuestions }: Touched,
): Promise<void> {
  const entries = [...questions]
  await client.query(
    `insert into studio.analytics_question (topic, question_id, owner, kind, document_id, started_at, completed_at)
     select $1, v.id, $2, $3, $4, v.started_at, v.completed_at
     from unnest($5::text[], $6::timestamptz[], $7::timestamptz[]) as v(id, started_at, completed_at)
     on conflict (topic, question_id) do update set
       started_at = coalesce(excluded.started_at, analytics_question.started_at),
       completed_at = coalesce(excluded.completed_at, analytics_question.completed_at)`,
    [
      topic,
      owner,
      kind,
      documentId,
      entries.map(([id]) => id),
      entries.map(([, { startedAt }]) => startedAt),
      entries.map(([, { completedAt }]) => completedAt),
    ],
  )
  for (const [questionId, { completedAt }] of entries) {
    if (completedAt === null) continue
    hours.add(hourOf(new Date(completedAt)))
    completedQuestions.push({ topic, questionId })
  }
}

async function writeReviews(
  client: PoolClient,
  { topic, owner, document_id: documentId }: LockedTopic,
  reviews: Facts['reviews'],
): Promise<void> {
  await client.query(
    `insert into studio.analytics_review (question_id, topic, owner, document_id, is_accepted)
     select v.id, $1, $2, $3, v.is_accepted from unnest($4::text[], $5::boolean[]) as v(id, is_accepted)
     on conflict (question_id) do update set is_accepted = excluded.is_accepted`,
    [topic, owner, documentId, [...reviews.keys()], [...reviews.values()]],
  )
}

/** Removes the counts of a topic, and records which figures changed. */
export async function forgetFacts(
  client: PoolClient,
  { topic, document_id: documentId }: LockedTopic,
  { documentIds, hours }: Touched,
): Promise<void> {
  documentIds.add(documentId)
  const { rows } = await client.query<{ completed_at: Date | null }>(
    'delete from studio.analytics_question where topic = $1 returning completed_at',
    [topic],
  )
  for (const { completed_at: completedAt } of rows) if (completedAt !== null) hours.add(hourOf(completedAt))
  await client.query('delete from studio.analytics_review where topic = $1', [topic])
  await client.query('update studio.analytics_topic set seq = 0, status = null, at = null where topic = $1', [topic])
}

function hourOf(date: Date): string {
  return `${date.toISOString().slice(0, 13)}:00:00.000Z`
}
