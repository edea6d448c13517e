import type { PoolClient } from 'pg'
import { type Database, withTransaction } from '../../db/connect.ts'
import { isTidingsError } from '../../errors.ts'
import { deleteTopic, pruneTopic } from '../../log/topic.ts'
import { taskTopic } from '../model/task.ts'
import type { Cancel } from './cancel.ts'

/**
 * Deletes the stored data of tasks about a deleted subject. Active tasks are canceled; their row
 * and the terminal event remain for their subscribers. Of finished tasks nothing remains.
 *
 * @param reason - shown to subscribers of the canceled tasks
 * @returns the ids of the canceled tasks
 */
export async function eraseTasks(
  { database, cancel }: { readonly database: Database; readonly cancel: Cancel },
  ids: readonly string[],
  reason: string,
): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ id: string; is_active: boolean }>(
    `select id, status in ('QUEUED', 'RUNNING', 'RETRYING') as is_active from tidings.task where id = any($1::text[]) order by id`,
    [ids],
  )
  const canceledIds: string[] = []
  for (const { id, is_active } of rows) {
    const isCanceled = is_active && (await cancelIfActive(cancel, id, reason))
    if (isCanceled) canceledIds.push(id)
    // One transaction per task, and the topic's row locked before the task's, as everywhere.
    await withTransaction(database, async (client) => {
      const topic = taskTopic(id)
      if (!isCanceled) {
        await deleteTopic(client, topic)
        return client.query('delete from tidings.task where id = $1', [id])
      }
      return pruneTopic(client, topic, 1)
    })
  }
  return canceledIds
}

/** Cancels a task that may already be final or deleted. @returns whether this call ended it */
export async function cancelIfActive(cancel: Cancel, id: string, reason: string): Promise<boolean> {
  try {
    await cancel(id, reason)
    return true
  } catch (error) {
    // It ended in the meantime, or another process erased it.
    if (isTidingsError(error, 'CONFLICT', 'NOT_FOUND')) return false
    throw error
  }
}

/**
 * Minutes after its end in which a task may still be loaded for the subscribers of its last event,
 * in any process.
 */
const recentMinutes = 1

/**
 * Permanently deletes tasks: input, result, items, attempts, events and idempotency keys. Tasks
 * that are not final are canceled first.
 *
 * For a task that ended within the last minute, an anonymous row and its last event remain for an
 * hour, so that every subscriber still receives the terminal event; the task can no longer be
 * loaded. Subscribers of older tasks have already received it. Its idempotency key remains as long,
 * with a hash in place of the owner: a delayed repetition of the start must not start it again.
 *
 * @param reason - shown to subscribers of the canceled tasks
 * @returns the ids of the canceled tasks
 */
export async function deleteTasks(
  { database, cancel }: { readonly database: Database; readonly cancel: Cancel },
  ids: readonly string[],
  reason: string,
): Promise<readonly string[]> {
  const canceledIds: string[] = []
  for (const id of ids) {
    if ((await isActive(database, id)) && (await cancelIfActive(cancel, id, reason))) canceledIds.push(id)
    await withTransaction(database, async (client) => {
      const topic = taskTopic(id)
      // The topic's row is locked before the task's, as everywhere.
      await client.query('select from tidings.topic where name = $1 for update', [topic])
      const { rowCount } = await client.query(
        `delete from tidings.task where id = $1 and finished_at < now() - interval '${recentMinutes} minute'`,
        [id],
      )
      if (rowCount !== 0) return deleteTopic(client, topic)
      await client.query(
        `with items as (delete from tidings.task_item where task_id = $1), keys as (
           update tidings.idempotency set owner = 'erased ' || hashtextextended(owner, 0) where task_id = $1 and owner not like 'erased %'
         )
         update tidings.task set owner = '', erased_owner = hashtextextended(owner, 0), subject = null, input = '{}', result = null, error = null, attempts = '[]', trace = null,
           progress = progress || '{"stage": null, "message": null}'
         where id = $1`,
        [id],
      )
      return pruneTopic(client, topic, 1)
    })
  }
  return canceledIds
}

/**
 * Deletes what the engine stores about a user besides tasks: idempotency keys, presence, and the user, address and browser of entries
 * of the audit log. The tasks are deleted by `TaskService.delete`.
 */
export async function forgetUser(client: Pick<PoolClient, 'query'>, userId: string): Promise<void> {
  for (const statement of [
    'delete from tidings.idempotency where owner = $1',
    'delete from tidings.presence where user_id = $1',
    'delete from tidings.presence_mark where user_id = $1',
    'update tidings.audit set user_id = null, address = null, user_agent = null where user_id = $1',
  ])
    await client.query(statement, [userId])
}

async function isActive(database: Database, id: string): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `select from tidings.task where id = $1 and status in ('QUEUED', 'RUNNING', 'RETRYING')`,
    [id],
  )
  return rowCount !== 0
}
