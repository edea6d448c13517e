import type { PoolClient } from 'pg'
import { withSavepoint } from '../../db/connect.ts'
import type { Logger } from '../../logger.ts'
import type { Commit } from './report.ts'
import type { Task } from './task.ts'
import type { Ending, TaskDefinition } from './task-definition.ts'

/** The fields of a task that are known when it ends. */
type EndingTask = Pick<Task, 'id' | 'kind' | 'owner' | 'subject' | 'input'>

/** A task that ends, of any kind. */
export interface TaskEnd {
  readonly task: EndingTask
  /** Undefined when this process does not define the kind. */
  readonly definition: TaskDefinition | undefined
  readonly ending: Ending
}

/**
 * The hook that runs at the end of every task, whatever its kind and whatever ends it (worker,
 * cancel, sweeper). Called before the transaction of the terminal event; the returned commit runs
 * inside that transaction, after the kind's own `settle`, so it takes effect exactly once, or, when
 * the task ends otherwise after all, not at all. A failure in either part is logged and does not
 * keep a task from ending.
 */
export type CompletionHook = (taskEnd: TaskEnd) => Promise<Commit | undefined>

/** The completion hooks to run in the transaction that ends a task. */
interface PreparedHooks {
  /** Undefined when there is nothing to do, so that no transaction is opened. */
  readonly commit: Commit | undefined
  /**
   * The same without the application's `settle`: for a task that has to end although its `settle`
   * fails.
   */
  readonly unsettled: Commit | undefined
}

/** Provides the completion hooks for the transactions that end tasks. */
export interface CompletionHooks {
  of(task: EndingTask, how: Pick<Ending, 'status' | 'error' | 'result'>): Promise<PreparedHooks>
}

/** Creates the completion hooks. */
export function createCompletionHooks(options: {
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  readonly completionHook: CompletionHook | undefined
  readonly logger: Logger
}): CompletionHooks {
  const { definitions, completionHook, logger } = options

  const prepare = async (taskEnd: TaskEnd): Promise<Commit | undefined> => {
    const onError = (error: unknown): void =>
      logger.error({ err: error, taskId: taskEnd.task.id }, 'failed to run a completion hook; ending the task without')
    try {
      const commit = await completionHook?.(taskEnd)
      if (commit === undefined) return undefined
      // If the connection broke, the append that follows reports it.
      return (client) => withSavepoint(client, () => commit(client)).catch(onError)
    } catch (error) {
      onError(error)
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
 * Returns the application's `settle`; undefined when the kind has none, and when the task's input
 * no longer matches its kind, as after an upgrade: such a task can still be ended.
 */
function settlingOf(definition: TaskDefinition | undefined, task: EndingTask, ending: Ending): Commit | undefined {
  const settle = definition?.settle?.bind(definition)
  if (definition === undefined || settle === undefined) return undefined
  const input = definition.input.safeParse(task.input)
  if (!input.success) return undefined
  return (client: PoolClient) => settle(client, input.data, ending)
}
