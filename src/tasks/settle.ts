import type { Ending, TaskDefinition } from './define-task.ts'
import type { Commit } from './report.ts'
import type { FailureState, Task } from './task.ts'

/**
 * The application's share in the transaction that ends a task; undefined when its kind has none, so that none is opened, and
 * when the task's input no longer fits its kind, as after an upgrade: such a task can still be ended.
 */
export function endingOf(
  definition: TaskDefinition | undefined,
  task: Pick<Task, 'id' | 'owner' | 'input'>,
  status: Ending['status'],
  error: FailureState | null,
): Commit | undefined {
  const settle = definition?.settle?.bind(definition)
  if (definition === undefined || settle === undefined) return undefined
  const input = definition.input.safeParse(task.input)
  if (!input.success) return undefined
  return (client) => settle(client, input.data, { taskId: task.id, owner: task.owner, status, error })
}
