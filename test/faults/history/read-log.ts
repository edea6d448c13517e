import type { Log, LoggedEvent, LoggedTask, LoggedTopic } from './history.ts'

/** Runs a statement and returns its rows. */
export type Query = <T extends Readonly<Record<string, unknown>>>(
  statement: string,
  values?: readonly unknown[],
) => Promise<readonly T[]>

const batch = 200
/** The archive that the rig keeps by triggers. */
const archive = 'rig'

/**
 * Reads topics with all their events, and their tasks, with plain SQL. Deleted rows are read from
 * the archive.
 */
export async function readLog(query: Query, names: readonly string[], startedAfter: Date): Promise<Log> {
  const topics = await readTopics(query, names, ['tidings', archive])
  const tasks = await query<LoggedTask & Readonly<Record<string, unknown>>>(
    `select t.id, t.kind, t.status, t.owner, t.stored as "isStored", coalesce(t.input, '{}') as input, t.attempts, i.key
     from (select *, true as stored from tidings.task union all select *, false from ${archive}.task) t left join tidings.idempotency i on i.task_id = t.id
     where t.created_at >= $1`,
    [startedAfter],
  )
  return { topics, tasks: new Map(tasks.map((task) => [task.id, task])) }
}

/** Reads topics with all their events. @param schemas - those whose tables `topic` and `event` have them */
export async function readTopics(
  query: Query,
  names: readonly string[],
  schemas: readonly string[],
): Promise<Log['topics']> {
  const union = (rows: (schema: string) => string): string => schemas.map(rows).join(' union all ')
  const topics = new Map<string, LoggedTopic>()
  for (let at = 0; at < names.length; at += batch) {
    const part = names.slice(at, at + batch)
    const rows = await query<{ name: string; seq: string; closed: boolean; pruned_seq: string }>(
      union((schema) => `select name, seq, closed, pruned_seq from ${schema}.topic where name = any($1)`),
      [part],
    )
    const events = await query<{ topic: string; seq: string; type: string; at: Date; payload: never }>(
      `${union((schema) => `select topic, seq, type, at, payload from ${schema}.event where topic = any($1)`)} order by topic, seq`,
      [part],
    )
    const byTopic = Map.groupBy(events, ({ topic }) => topic)
    for (const { name, seq, closed, pruned_seq } of rows)
      topics.set(name, {
        name,
        seq: Number(seq),
        closed,
        prunedSeq: Number(pruned_seq),
        events: (byTopic.get(name) ?? []).map(
          (event): LoggedEvent => ({ ...event, seq: Number(event.seq), at: event.at.toISOString() }),
        ),
      })
  }
  return topics
}
