import { type Database, type TransactionalAppender, withTransaction } from '../../engine.ts'
import { projectTopics } from './project.ts'
import { lockedColumns } from './projector.ts'
import type { LockedTopic } from './write.ts'

/** The result of a rebuild. */
interface Rebuilt {
  /** Number of topics with a full recount. */
  readonly counted: number
  /** Number of topics with pruned events: the counts of those events are unchanged. */
  readonly kept: number
}

const topicsPerStep = 50

/**
 * Recounts everything from the logs, topic by topic, while servers keep running. Counts of events
 * that are no longer retained (`RETENTION_HOURS`) are kept, and cannot be recovered where they are
 * missing; only the state of such a task is known.
 */
export async function rebuildAnalytics({
  database,
  appender,
}: {
  readonly database: Database
  readonly appender: TransactionalAppender
}): Promise<Rebuilt> {
  await registerMissing(database)
  const rebuilt = { counted: 0, kept: 0 }
  for (let last = ''; ; ) {
    const rows = await withTransaction(database, async (client) => {
      const result = await client.query<LockedTopic & { is_kept: boolean }>(
        `select ${lockedColumns}, t.pruned_seq > 0 as is_kept from studio.analytics_topic a join tidings.topic t on t.name = a.topic
         where a.topic > $1 order by a.topic limit $2 for no key update of a`,
        [last, topicsPerStep],
      )
      if (result.rows.length > 0) await projectTopics(client, appender, result.rows, { anew: true })
      return result.rows
    })
    const end = rows.at(-1)
    if (end === undefined) return rebuilt
    last = end.topic
    for (const { is_kept: isKept } of rows) rebuilt[isKept ? 'kept' : 'counted'] += 1
  }
}

/** Restores missing registrations of counted topics from tasks and quizzes. */
async function registerMissing(database: Database): Promise<void> {
  await withTransaction(database, async (client) => {
    await client.query(
      `insert into studio.analytics_topic (topic, owner, kind, document_id, title, is_due)
       select 'review:' || z.id, z.owner, 'REVIEW', coalesce(z.document_id, (
         select t.input->>'documentId' from tidings.task t where t.subject = z.id and t.kind = 'GENERATE_QUIZ'
         order by t.created_at limit 1), ''), z.title, true
       from studio.quiz z on conflict do nothing`,
    )
    await client.query(
      `insert into studio.analytics_topic (topic, owner, kind, document_id, title, is_due)
       select 'task:' || t.id, t.owner, t.kind, r.document_id, r.title, true
       from tidings.task t left join studio.question q on t.kind = 'REPLACE_QUESTION' and q.id = t.subject
       join studio.analytics_topic r on r.topic = 'review:' || coalesce(q.quiz_id, t.subject)
       where t.kind in ('GENERATE_QUIZ', 'REPLACE_QUESTION') on conflict do nothing`,
    )
  })
}
