import type { Database } from '../../db/connect.ts'

/**
 * Hours for which the anonymous row of a deleted task is kept, for subscribers that have not
 * received its last event.
 */
const deletedHours = 1
/** Maximum number of tasks per statement: each may have thousands of events. */
const batch = 200

/**
 * Deletes finished tasks after their retention period, with their events: everything that remains
 * of a task after its events were pruned. Several processes may run it at once.
 *
 * @param options.retentionDays - days per kind, counted from the end of the task; `*` applies to
 *   every other kind, 0 keeps tasks indefinitely
 * @param options.maxTasks - maximum number of tasks deleted by this call, at most 200
 * @returns the number of deleted tasks; 0 means that none is left
 */
export async function pruneTasks(
  database: Pick<Database, 'pool'>,
  { retentionDays, maxTasks }: { readonly retentionDays: Readonly<Record<string, number>>; readonly maxTasks: number },
): Promise<number> {
  // The kinds are read from the table, as a kind may no longer be defined. Topics are locked before
  // tasks, as everywhere.
  const { rows } = await database.pool.query<{ count: number }>(
    `with recursive found(kind) as (
      (select kind from tidings.task where finished_at is not null order by kind limit 1)
      union all
      select (select kind from tidings.task where finished_at is not null and kind > found.kind order by kind limit 1)
      from found where found.kind is not null
    ),
    rule as (
      select kind, coalesce(($1::jsonb->>kind)::int, ($1::jsonb->>'*')::int, 0) as days from found where kind is not null
    ),
    old as materialized (
      select t.name, k.id from tidings.topic t join (
        select k.id from rule r join tidings.task k on k.kind = r.kind
        where r.days > 0 and k.finished_at < now() - r.days * interval '1 day'
        union
        select id from tidings.task where owner = '' and finished_at < now() - interval '${deletedHours} hour'
        limit $2
      ) k on t.name = 'task:' || k.id
      for update of t skip locked
    ),
    events as (delete from tidings.event using old where event.topic = old.name),
    topics as (delete from tidings.topic using old where topic.name = old.name),
    tasks as (delete from tidings.task using old where task.id = old.id returning 1)
    select count(*)::int as count from tasks`,
    [JSON.stringify(retentionDays), Math.min(batch, maxTasks)],
  )
  return rows[0]?.count ?? 0
}
