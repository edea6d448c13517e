import { withTransaction } from '../db/connect.ts'
import { retryTransient } from '../db/retry.ts'
import type { Engine } from '../tasks/engine.ts'

/** How long to wait for a moment in which no statement uses the events. */
const retryMs = 8_000

/**
 * Moves the stored times of a database back, as if time had passed: tasks, their events, idempotency keys, the audit log. A lease of a
 * worker of this process stays as it is, because the worker would have renewed it.
 *
 * @returns the ids of the tasks that leave their state now, with the seq of their last event: another attempt is due, or the lease of
 * a lost worker has expired
 */
export async function moveTimes(
  { database, worker }: Pick<Engine, 'database' | 'worker'>,
  ms: number,
): Promise<readonly { readonly id: string; readonly seq: number }[]> {
  const own = worker?.id ?? ''
  // The events so far get partitions of their own, so that they can be pruned. Before the transaction, which locks tasks: an append
  // that waits for one of them would never release the table.
  await retryTransient(retryMs, () =>
    database.pool.query(
      `select tidings.split_event_partition(date_trunc('milliseconds', now() - $1 * interval '1 ms') + interval '1 ms')`,
      [ms],
    ),
  )
  return await withTransaction(database, async (client) => {
    const { rows } = await client.query<{ id: string; seq: number }>(
      // Rows are locked in the order of their ids, as by the heartbeat of workers.
      `with locked as materialized (select id as locked_id from tidings.task order by id for no key update),
       moved as (
         update tidings.task set
           queue_key = queue_key - $1 * interval '1 ms',
           created_at = created_at - $1 * interval '1 ms',
           attempts = (
             select coalesce(jsonb_agg(entry
               || jsonb_build_object('startedAt', (entry->>'startedAt')::timestamptz - $1 * interval '1 ms')
               || case when entry ? 'finishedAt'
                    then jsonb_build_object('finishedAt', (entry->>'finishedAt')::timestamptz - $1 * interval '1 ms') else '{}' end
               order by place), '[]')
             from jsonb_array_elements(attempts) with ordinality as a (entry, place)
           ),
           started_at = started_at - $1 * interval '1 ms',
           finished_at = finished_at - $1 * interval '1 ms',
           next_attempt_at = next_attempt_at - $1 * interval '1 ms',
           lease_until = case when worker = $2 then lease_until else lease_until - $1 * interval '1 ms' end
         from locked where id = locked_id
         returning id, status, next_attempt_at, lease_until
       )
       select moved.id, topic.seq from moved join tidings.topic on topic.name = 'task:' || moved.id
       where (status = 'RETRYING' and next_attempt_at <= now()) or (status = 'RUNNING' and lease_until < now())`,
      [ms, own],
    )
    await client.query(`update tidings.event set at = at - $1 * interval '1 ms'`, [ms])
    await client.query(`update tidings.idempotency set created_at = created_at - $1 * interval '1 ms'`, [ms])
    await client.query(
      `update tidings.audit set at = at - $1 * interval '1 ms', until = until - $1 * interval '1 ms'`,
      [ms],
    )
    await client.query(`update tidings.worker set seen_at = seen_at - $1 * interval '1 ms' where id <> $2`, [ms, own])
    return rows
  })
}
