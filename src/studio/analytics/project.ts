import type { PoolClient } from 'pg'
import {
  appendInTransaction,
  createTopic,
  finalStatuses,
  isFinal,
  type LogEvent,
  type TaskStatus,
  type TransactionalAppender,
} from '../../engine.ts'
import { analyticsChanged, analyticsTopic } from './analytics.ts'
import { readFigures, readHours, readTimings, readTotals } from './figures.ts'
import { countedTypes, type Facts, foldFacts } from './fold.ts'
import type { AnalyticsState } from './state.ts'
import { forgetFacts, type LockedTopic, type Touched, writeFacts } from './write.ts'

interface Head {
  readonly name: string
  readonly seq: number
  readonly pruned_seq: number
  readonly closed: boolean
}

/** Maximum number of events per topic in one step, so that a step's work is bounded. */
const eventsPerTopic = 1_000

/**
 * Counts the events of these topics that are not counted yet, and appends the resulting changes for
 * every owner. Runs in the caller's transaction, which has locked the topics: counts, positions and
 * events are written together or not at all, so nothing is counted twice. Events are published
 * after the commit.
 *
 * @param anew - counts from the first retained event, replacing the previous counts of the retained
 * events
 */
export async function projectTopics(
  client: PoolClient,
  appender: TransactionalAppender,
  topics: readonly LockedTopic[],
  { anew = false }: { readonly anew?: boolean } = {},
): Promise<void> {
  // Read after the rows are locked: a writer that marks a topic as due waits for that lock, and
  // everything before it is visible here.
  const { rows } = await client.query<Head>(
    'select name, seq, pruned_seq, closed from tidings.topic where name = any($1::text[])',
    [topics.map(({ topic }) => topic)],
  )
  const heads = new Map(rows.map((head) => [head.name, head]))
  const touchedOwners = new Map<string, Touched>()
  const touch = (owner: string): Touched => {
    const entry = touchedOwners.get(owner) ?? { documentIds: new Set(), hours: new Set(), completedQuestions: [] }
    touchedOwners.set(owner, entry)
    return entry
  }
  for (const lockedTopic of topics)
    await projectOne(client, lockedTopic, heads.get(lockedTopic.topic), touch(lockedTopic.owner), anew)
  // A fixed order prevents deadlocks between several projectors on the owners' topics.
  for (const [owner, entry] of [...touchedOwners].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (entry.documentIds.size > 0) await publishChange(client, appender, owner, entry)
}

async function projectOne(
  client: PoolClient,
  locked: LockedTopic,
  head: Head | undefined,
  touched: Touched,
  anew: boolean,
): Promise<void> {
  if (head === undefined) return settleErased(client, locked, touched)
  // Counts of pruned events are kept: they could not be restored.
  if (anew && head.pruned_seq === 0) await forgetFacts(client, locked, touched)
  let at = Math.max(head.pruned_seq, anew ? 0 : locked.seq)
  do {
    const upTo = Math.min(head.seq, at + eventsPerTopic)
    await countUpTo(client, locked, head, { at, upTo }, touched)
    at = upTo
    // A recount runs in a single step: partial counts would be published as losses.
  } while (anew && at < head.seq)
}

/**
 * The log was erased together with its subject. Fully counted results are kept; an unfinished task
 * is forgotten.
 */
async function settleErased(client: PoolClient, locked: LockedTopic, touched: Touched): Promise<void> {
  const { rows } = await client.query(
    `select 1 from studio.analytics_topic where topic = $1 and (kind = 'REVIEW' or status = any($2::text[]))`,
    [locked.topic, finalStatuses],
  )
  if (rows.length === 1)
    return void (await client.query('update studio.analytics_topic set is_due = false where topic = $1', [
      locked.topic,
    ]))
  await forgetFacts(client, locked, touched)
  await client.query('delete from studio.analytics_topic where topic = $1', [locked.topic])
}

async function countUpTo(
  client: PoolClient,
  locked: LockedTopic,
  head: Head,
  { at, upTo }: { readonly at: number; readonly upTo: number },
  touched: Touched,
): Promise<void> {
  const { rows } = await client.query<{ type: string; at: Date; payload: LogEvent['payload'] }>(
    `select type, at, case when type like 'TaskItem%' then jsonb_build_object('item', payload->'item') else payload end as payload
     from tidings.event where topic = $1 and seq > $2 and seq <= $3 and type = any($4::text[]) order by seq`,
    [locked.topic, at, upTo, countedTypes],
  )
  const facts = foldFacts(rows.map((row) => ({ ...row, at: row.at.toISOString() })))
  const isTask = locked.kind !== 'REVIEW'
  // The whole log was pruned before it was counted, after a long downtime: at least the final state
  // is known.
  const isLost = isTask && head.closed && upTo === head.seq && (facts.status === null || !isFinal(facts.status))
  const end = isLost ? await readEnd(client, locked.topic) : {}
  await writeFacts(client, locked, { ...facts, ...end }, touched)
  await client.query('update studio.analytics_topic set seq = greatest(seq, $2), is_due = $3 where topic = $1', [
    locked.topic,
    upTo,
    upTo < head.seq || (isTask && !head.closed),
  ])
}

async function readEnd(client: PoolClient, topic: string): Promise<Partial<Pick<Facts, 'status' | 'at'>>> {
  const { rows } = await client.query<{ status: TaskStatus; finished_at: Date | null }>(
    'select status, finished_at from tidings.task where id = $1',
    [topic.replace(/^task:/, '')],
  )
  const [row] = rows
  return row === undefined ? {} : { status: row.status, at: row.finished_at?.toISOString() ?? null }
}

async function publishChange(
  client: PoolClient,
  appender: TransactionalAppender,
  owner: string,
  { documentIds, hours, completedQuestions }: Touched,
): Promise<void> {
  const topic = analyticsTopic(owner)
  await createTopic(client, topic)
  // Figures are read after the topic is locked, when no other process can append for this owner:
  // the last event is therefore the current state.
  await client.query('select from tidings.topic where name = $1 for no key update', [topic])
  const changes: AnalyticsState = {
    totals: await readTotals(client, owner),
    documents: await readFigures(client, owner, [...documentIds]),
    hours: hours.size === 0 ? [] : await readHours(client, owner, [...hours]),
    questions: completedQuestions.length === 0 ? [] : await readTimings(client, owner, completedQuestions),
  }
  const result = await appendInTransaction(appender, client, {
    topic,
    events: [{ type: analyticsChanged, payload: { ...changes } }],
  })
  if (!result.accepted) throw new Error(`The figures of "${owner}" could not be logged: their topic is closed`)
}
