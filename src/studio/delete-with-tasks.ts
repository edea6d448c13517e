import type { PoolClient } from 'pg'
import { type Database, type TaskService, withTransaction } from '../engine.ts'

/** The deletion of one object with the tasks about it. */
interface Deletion {
  /**
   * Locks the object until the transaction ends, so that no task about it starts.
   * @returns the subjects of its tasks
   * @throws TidingsError `NOT_FOUND`
   */
  readonly lock: (client: PoolClient) => Promise<readonly string[]>
  /** Deletes the object, which is locked. */
  readonly remove: (client: PoolClient) => Promise<unknown>
  /** Shown to subscribers of the canceled tasks. */
  readonly reason: string
  /**
   * Cancels tasks that use the object without being about it; none by default.
   * @returns the ids of the canceled tasks
   */
  readonly cancelOthers?: (reason: string) => Promise<readonly string[]>
}

/**
 * Deletes an object, cancels its active tasks and erases them all. The tasks are erased before the
 * deletion: they would fail for lack of the object, and an interruption would leave them behind; and
 * again after it, as others may have started in between.
 *
 * @returns the ids of the canceled tasks
 * @throws any error of `lock`
 */
export async function deleteWithTasks(
  { database, tasks }: { readonly database: Database; readonly tasks: Pick<TaskService, 'erase'> },
  { lock, remove, reason, cancelOthers }: Deletion,
): Promise<readonly string[]> {
  const canceledIds: string[] = []
  const clear = async (subjects: readonly string[]): Promise<void> => {
    if (cancelOthers !== undefined) canceledIds.push(...(await cancelOthers(reason)))
    const { rows } = await database.pool.query<{ id: string }>(
      // Of a canceled task its subscribers still receive the terminal event.
      'select id from tidings.task where subject = any($1::text[]) and id <> all($2::text[])',
      [subjects, canceledIds],
    )
    const ids = rows.map(({ id }) => id)
    canceledIds.push(...(await tasks.erase(ids, reason)))
  }
  await clear(await withTransaction(database, lock))
  const subjects = await withTransaction(database, async (client) => {
    const target = await lock(client)
    await remove(client)
    return target
  })
  await clear(subjects)
  return canceledIds
}
