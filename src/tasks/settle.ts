import type { PoolClient } from 'pg'
import { withSavepoint } from '../db/connect.ts'
import type { Logger } from '../logger.ts'
import type { Ending, TaskDefinition } from './define-task.ts'
import type { Commit } from './report.ts'
import type { Task } from './task.ts'

/** A task as it is known where it ends. */
export type EndingTask = Pick<Task, 'id' | 'kind' | 'owner' | 'subject' | 'input'>

/** A task that ends, of whatever kind. */
export interface Ended {
  readonly task: EndingTask
  /** Undefined when this process does not know the kind. */
  readonly definition: TaskDefinition | undefined
  readonly ending: Ending
}

/**
 * What is done at the end of every task, whatever its kind and whoever ends it (worker, cancel, sweeper). Asked before the transaction of the
 * terminal event; what it returns runs inside that transaction, after the kind's own `settle`, so it happens exactly once, or, when the task
 * ends otherwise after all, not at all. Failing, in either part, is logged and keeps no task from ending.
 */
export type AtEnd = (ended: Ended) => Promise<Commit | undefined>

/** What goes into the transaction that ends a task. */
export interface Closing {
  /** Undefined when there is nothing to do, so that no transaction is opened. */
  readonly commit: Commit | undefined
  /** The same without the application's share: for a task that cannot be settled, and has to end all the same. */
  readonly unsettled: Commit | undefined
}

/** Knows what goes into the transactions that end tasks. */
export interface Closings {
  of(task: EndingTask, how: Pick<Ending, 'status' | 'error' | 'result'>): Promise<Closing>
}

/** Creates them. */
export function createClosings(options: {
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly atEnd: AtEnd | undefined
  readonly logger: Logger
}): Closings {
  const { definitions, atEnd, logger } = options

  const prepare = async (ended: Ended): Promise<Commit | undefined> => {
    const failed = (error: unknown): void =>
      logger.error({ err: error, taskId: ended.task.id }, 'failed to run a completion hook; ending the task without')
    try {
      const commit = await atEnd?.(ended)
      if (commit === undefined) return undefined
      // Where the connection broke, the append that follows says so.
      return (client) => withSavepoint(client, () => commit(client)).catch(failed)
    } catch (error) {
      failed(error)
      return undefined
    }
  }

  return {
    async of(task, how) {
      const definition = definitions.get(task.kind)
      const ending: Ending = { taskId: task.id, owner: task.owner, subject: task.subject, ...how }
      const settle = settlingOf(definition, task, ending)
      const unsettled = await prepare({ task, definition, ending })
      if (settle === undefined) return { commit: unsettled, unsettled }
      const commit: Commit = async (client) => {
        await settle(client)
        await unsettled?.(client)
      }
      return { commit, unsettled }
    },
  }
}

/**
 * The application's share; undefined when its kind has none, and when the task's input no longer fits its kind, as after an upgrade: such a
 * task can still be ended.
 */
function settlingOf(definition: TaskDefinition | undefined, task: EndingTask, ending: Ending): Commit | undefined {
  const settle = definition?.settle?.bind(definition)
  if (definition === undefined || settle === undefined) return undefined
  const input = definition.input.safeParse(task.input)
  if (!input.success) return undefined
  return (client: PoolClient) => settle(client, input.data, ending)
}
