import { type Database, withTransaction } from '../../db/connect.ts'
import type { Telling } from '../../log/tell.ts'
import { type LockedTopic, projectTopics } from './project.ts'
import { lockedColumns } from './projector.ts'

/** What a rebuild has done. */
export interface Rebuilt {
  /** Topics whose whole log was counted anew. */
  readonly counted: number
  /** Topics of which the beginning is no longer kept: what was counted of that stays as it is. */
  readonly kept: number
}

const topicsPerStep = 50

/**
 * Counts everything again from the logs, topic by topic; servers may go on meanwhile. What was counted of events that are no
 * longer kept (`RETENTION_HOURS`) stays, and is lost for good where it is missing; of such a task only its state is known.
 */
export async function rebuildAnalytics({
  database,
  appender,
}: {
  readonly database: Database
  readonly appender: Telling
}): Promise<Rebuilt> {
  await registerMissing(database)
  const rebuilt = { counted: 0, kept: 0 }
  for (let last = ''; ; ) {
    const rows = await withTransaction(database, async (client) => {
      const found = await client.query<LockedTopic & { is_kept: boolean }>(
        `select ${lockedColumns}, t.pruned_seq > 0 as is_kept from analytics_topic a join topic t on t.name = a.topic
         where a.topic > $1 order by a.topic limit $2 for no key update of a`,
        [last, topicsPerStep],
      )
      if (found.rows.length > 0) await projectTopics(client, appender, found.rows, { anew: true })
      return found.rows
    })
    const end = rows.at(-1)
    if (end === undefined) return rebuilt
    last = end.topic
    for (const { is_kept: isKept } of rows) rebuilt[isKept ? 'kept' : 'counted'] += 1
  }
}

/** Finds again which topics are counted, from tasks and quizzes, should that have been lost. */
async function registerMissing(database: Database): Promise<void> {
  await withTransaction(database, async (client) => {
    await client.query(
      `insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
       select 'review:' || z.id, z.owner, 'REVIEW', coalesce(z.document_id, (
         select t.input->>'documentId' from task t where t.subject = z.id and t.kind = 'GENERATE_QUIZ'
         order by t.created_at limit 1), ''), z.title, true
       from quiz z on conflict do nothing`,
    )
    await client.query(
      `insert into analytics_topic (topic, owner, kind, document_id, title, is_due)
       select 'task:' || t.id, t.owner, t.kind, r.document_id, r.title, true
       from task t left join question q on t.kind = 'REPLACE_QUESTION' and q.id = t.subject
       join analytics_topic r on r.topic = 'review:' || coalesce(q.quiz_id, t.subject)
       where t.kind in ('GENERATE_QUIZ', 'REPLACE_QUESTION') on conflict do nothing`,
    )
  })
}
