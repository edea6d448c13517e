import { type Database, withTransaction } from '../db/connect.ts'
import { isTidingsError } from '../errors.ts'
import { deleteTopic } from '../log/topic.ts'
import type { TaskService } from './service.ts'
import { taskTopic } from './task.ts'

/**
 * Takes away what is kept of tasks about something that was deleted. Those that still work are canceled, and of them stay the row
 * and the event that says so, for those who watch; of the others nothing stays.
 *
 * @param reason - shown to those who watch the canceled ones
 * @returns the ids of the tasks that were canceled
 */
export async function eraseTasks(
  { database, cancel }: { readonly database: Database; readonly cancel: TaskService['cancel'] },
  ids: readonly string[],
  reason: string,
): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ id: string; is_active: boolean }>(
    `select id, status in ('QUEUED', 'RUNNING', 'RETRYING') as is_active from task where id = any($1::text[]) order by id`,
    [ids],
  )
  const canceled: string[] = []
  for (const { id, is_active } of rows) {
    const isCanceled = is_active && (await cancelIfActive(cancel, id, reason))
    if (isCanceled) canceled.push(id)
    // Each by itself, and the topic's row before the task's, as everywhere.
    await withTransaction(database, async (client) => {
      const topic = taskTopic(id)
      if (!isCanceled) {
        await deleteTopic(client, topic)
        return client.query('delete from task where id = $1', [id])
      }
      // As pruning does it: who has not seen these events is given a snapshot instead.
      await client.query('update topic set pruned_seq = greatest(pruned_seq, seq - 1) where name = $1', [topic])
      return client.query(
        'delete from event where topic = $1 and seq <= (select pruned_seq from topic where name = $1)',
        [topic],
      )
    })
  }
  return canceled
}

/** Cancels a task that may be over already, or gone. @returns whether it was this that ended it */
export async function cancelIfActive(cancel: TaskService['cancel'], id: string, reason: string): Promise<boolean> {
  try {
    await cancel(id, reason)
    return true
  } catch (error) {
    // It ended meanwhile, or somebody else erased it.
    if (isTidingsError(error, 'CONFLICT', 'NOT_FOUND')) return false
    throw error
  }
}

/** How long after its end a task may still be loaded for the subscribers of its last event, in any process. */
const recentMinutes = 1

/**
 * Deletes tasks for good: input, result, items, attempts, events and idempotency keys. Those that are not finished are canceled first.
 *
 * Of a task that ended within the last minute an anonymous row and its last event stay for an hour, so that every subscriber
 * still receives the end; nobody can load it any more. Subscribers of older tasks have received it.
 *
 * @param reason - shown to the subscribers of the canceled ones
 * @returns the ids of the tasks that were canceled
 */
export async function deleteTasks(
  { database, cancel }: { readonly database: Database; readonly cancel: TaskService['cancel'] },
  ids: readonly string[],
  reason: string,
): Promise<readonly string[]> {
  const canceled: string[] = []
  for (const id of ids) {
    if ((await isActive(database, id)) && (await cancelIfActive(cancel, id, reason))) canceled.push(id)
    await withTransaction(database, async (client) => {
      const topic = taskTopic(id)
      // The topic's row before the task's, as everywhere.
      await client.query('select from topic where name = $1 for update', [topic])
      const { rowCount } = await client.query(
        `delete from task where id = $1 and finished_at < now() - interval '${recentMinutes} minute'`,
        [id],
      )
      if (rowCount !== 0) return deleteTopic(client, topic)
      await client.query(
        `with items as (delete from task_item where task_id = $1), keys as (delete from idempotency where task_id = $1)
         update task set owner = '', subject = null, input = '{}', result = null, error = null, attempts = '[]', trace = null,
           progress = progress || '{"stage": null, "message": null}'
         where id = $1`,
        [id],
      )
      await client.query('update topic set pruned_seq = greatest(pruned_seq, seq - 1) where name = $1', [topic])
      await client.query(
        'delete from event where topic = $1 and seq <= (select pruned_seq from topic where name = $1)',
        [topic],
      )
    })
  }
  return canceled
}

async function isActive(database: Database, id: string): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `select from task where id = $1 and status in ('QUEUED', 'RUNNING', 'RETRYING')`,
    [id],
  )
  return rowCount !== 0
}
