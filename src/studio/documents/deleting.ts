import { type Database, withTransaction } from '../../db/connect.ts'
import { TidingsError } from '../../errors.ts'
import type { Appender } from '../../log/append.ts'
import { activeTasks } from '../../tasks/queue/active-tasks.ts'
import { cancelIfActive } from '../../tasks/start/erase.ts'
import type { TaskService } from '../../tasks/start/service.ts'
import { noteChange } from './updates.ts'

/** Deletion of documents. */
export interface Deleting {
  /**
   * Permanently deletes a document with its derived data and the records of its conversions, and
   * cancels the tasks that work on it.
   * @returns the ids of the canceled tasks
   * @throws TidingsError `NOT_FOUND`
   */
  delete(id: string): Promise<readonly string[]>
}

const reason = 'The document was deleted.'

/** Creates the deletion of documents. */
export function createDeleting(options: {
  readonly database: Database
  readonly appender: Appender
  readonly tasks: TaskService
  /** Subjects of tasks that read a document without naming it in their input: these are canceled with it. */
  readonly dependents: (documentId: string) => Promise<readonly string[]>
}): Deleting {
  const { database, appender, tasks, dependents } = options
  const { pool } = database

  const cancelAll = async (ids: readonly string[]): Promise<string[]> => {
    const canceled: string[] = []
    for (const id of ids) if (await cancelIfActive(tasks.cancel, id, reason)) canceled.push(id)
    return canceled
  }
  /**
   * Cancels the tasks that work on a document, and erases the tasks about it.
   * @returns the canceled tasks
   */
  const clear = async (id: string, made: readonly string[], known: readonly string[]): Promise<readonly string[]> => {
    const { rows } = await pool.query<{ id: string; is_own: boolean }>(
      `select id, true as is_own from task where subject = $1 and id <> all($3::text[])
       union all
       select id, false from ${activeTasks} a
       where subject is distinct from $1 and (input->>'documentId' = $1 or subject = any($2::text[])) and id <> all($3::text[])`,
      [id, made, known],
    )
    const idsOf = (isOwn: boolean): string[] => rows.flatMap((task) => (task.is_own === isOwn ? [task.id] : []))
    return [...(await cancelAll(idsOf(false))), ...(await tasks.erase(idsOf(true), reason))]
  }
  return {
    async delete(id) {
      const made = await dependents(id)
      // Before the deletion, or the tasks would fail for lack of the document; and again after it,
      // as others may have started in between.
      const canceled = await clear(id, made, [])
      await withTransaction(database, async (client) => {
        const { rowCount } = await client.query('delete from document where id = $1', [id])
        if (rowCount === 0) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
        await noteChange(appender, client, id, 'DELETED')
      })
      return [...canceled, ...(await clear(id, made, canceled))]
    },
  }
}
