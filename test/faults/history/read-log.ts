import type { Log, LoggedEvent, LoggedTask, LoggedTopic } from './history.ts'

/** Runs a statement and returns its rows. */
export type Query = <T extends Readonly<Record<string, unknown>>>(
  statement: string,
  values?: readonly unknown[],
) => Promise<readonly T[]>

const batch = 200

/**
 * Reads topics with all their events, and their tasks, with plain SQL. Deleted rows are read from
 * the archive that the rig keeps by triggers.
 */
export async function readLog(query: Query, names: readonly string[], startedAfter: Date): Promise<Log> {
  const topics = new Map<string, LoggedTopic>()
  for (let at = 0; at < names.length; at += batch) {
    const part = names.slice(at, at + batch)
    const rows = await query<{ name: string; seq: string; closed: boolean; pruned_seq: string }>(
      `select name, seq, closed, pruned_seq from topic where name = any($1)
       union all select name, seq, closed, pruned_seq from rig.topic where name = any($1)`,
      [part],
    )
    const events = await query<{ topic: string; seq: string; type: string; at: Date; payload: never }>(
      `select topic, seq, type, at, payload from event where topic = any($1)
       union all select topic, seq, type, at, payload from rig.event where topic = any($1)
       order by topic, seq`,
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
  const tasks = await query<LoggedTask & Readonly<Record<string, unknown>>>(
    `select t.id, t.kind, t.status, t.owner, t.stored as "isStored", coalesce(t.input, '{}') as input, t.attempts, i.key
     from (select *, true as stored from task union all select *, false from rig.task) t left join idempotency i on i.task_id = t.id
     where t.created_at >= $1`,
    [startedAfter],
  )
  return { topics, tasks: new Map(tasks.map((task) => [task.id, task])) }
}
