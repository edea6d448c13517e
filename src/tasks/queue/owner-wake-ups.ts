import type { Database } from '../../db/connect.ts'
import type { Logger } from '../../logger.ts'
import type { Task } from '../model/task.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import type { WakeUps } from './wake-ups.ts'

/**
 * Sends a wake-up for a waiting task of the owner of a task that no longer runs: its own may have
 * found the owner at the limit of running tasks, and one more may run now. Does nothing for kinds
 * without such a limit. Never throws.
 *
 * @param options.definitions - the kinds with the limits of this process
 */
export async function wakeNextOfOwner(
  options: {
    readonly database: Pick<Database, 'pool'>
    readonly wakeUps: Pick<WakeUps, 'add'>
    readonly definitions: ReadonlyMap<string, TaskDefinition>
    readonly logger: Logger
  },
  { id: endedId, kind, owner, attempt }: Pick<Task, 'id' | 'kind' | 'owner' | 'attempt'>,
): Promise<void> {
  const { database, wakeUps, definitions, logger } = options
  if (typeof definitions.get(kind)?.perUser !== 'number') return
  try {
    const { rows } = await database.pool.query<{ id: string; attempt: number }>(
      `select id, attempt from tidings.task
       where kind = $1 and owner = $2 and (status = 'QUEUED' or (status = 'RETRYING' and next_attempt_at <= now()))
       order by status = 'QUEUED', queue_key, id limit 1`,
      [kind, owner],
    )
    for (const next of rows) await wakeUps.add(kind, next.id, next.attempt + 1, { after: `${endedId}-${attempt}` })
  } catch (error) {
    // The task has ended nevertheless; the sweeper finds those that wait.
    logger.warn(
      { err: error, taskId: endedId, kind },
      "failed to find the owner's next task; leaving it to the sweeper",
    )
  }
}
