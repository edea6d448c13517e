import {
  type Appender,
  activeTasks,
  cancelIfActive,
  type Database,
  type TaskService,
  TidingsError,
} from '../../engine.ts'
import { deleteWithTasks } from '../delete-with-tasks.ts'
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

/** Creates the deletion of documents. */
export function createDeleting(options: {
  readonly database: Database
  readonly appender: Appender
  readonly tasks: TaskService
  /** Subjects of tasks that read a document without naming it in their input: these are canceled with it. */
  readonly dependents: (documentId: string) => Promise<readonly string[]>
}): Deleting {
  const { database, appender, tasks, dependents } = options

  return {
    async delete(id) {
      const dependentSubjects = await dependents(id)
      return deleteWithTasks(options, {
        reason: 'The document was deleted.',
        async lock(client) {
          const { rowCount } = await client.query('select from studio.document where id = $1 for update', [id])
          if (rowCount === 0) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
          return [id]
        },
        async remove(client) {
          await client.query('delete from studio.document where id = $1', [id])
          await noteChange(appender, client, id, 'DELETED')
        },
        async cancelOthers(reason) {
          const { rows } = await database.pool.query<{ id: string }>(
            `select id from ${activeTasks} a
             where subject is distinct from $1 and (input->>'documentId' = $1 or subject = any($2::text[]))`,
            [id, dependentSubjects],
          )
          const canceledIds: string[] = []
          for (const task of rows) if (await cancelIfActive(tasks.cancel, task.id, reason)) canceledIds.push(task.id)
          return canceledIds
        },
      })
    },
  }
}
