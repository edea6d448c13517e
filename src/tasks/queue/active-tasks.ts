import type { PoolClient } from 'pg'

/**
 * The tasks that are not final, to be selected `from`. A union of one query per state: each state
 * has an index of its own, which a condition on several states would not use; it would scan all
 * tasks ever created.
 */
export const activeTasks = `(${['QUEUED', 'RUNNING', 'RETRYING']
  .map(
    (status) =>
      `select id, kind, status, owner, subject, input, created_at from tidings.task where status = '${status}'`,
  )
  .join(' union all ')})`

/** Returns the newest active task about one of these subjects. */
export async function findActiveTask(
  client: Pick<PoolClient, 'query'>,
  subjects: readonly string[],
): Promise<{ readonly id: string; readonly kind: string } | undefined> {
  // By the index of subjects, whose tasks are few; not by those of the states, which may have many.
  const { rows } = await client.query<{ id: string; kind: string }>(
    `select id, kind from tidings.task where subject = any($1::text[]) and status in ('QUEUED', 'RUNNING', 'RETRYING')
     order by created_at desc limit 1`,
    [subjects],
  )
  return rows[0]
}
