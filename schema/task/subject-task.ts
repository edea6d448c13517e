import type { Context } from '../kit/context.ts'
import { type TaskSource, taskSource } from '../kit/task-ref.ts'

/** Resolves `activeTask` of the subjects of tasks. */
export async function activeTaskOf(
  { id }: { readonly id: string },
  _args: object,
  { loaders }: Context,
): Promise<TaskSource | null> {
  return taskSource(await loaders.activeTask.load(id))
}

/** Loads the task with a stored id; null when no id is stored. */
export async function rememberedTask(id: string | null, { loaders }: Context): Promise<TaskSource | null> {
  return id === null ? null : taskSource(await loaders.task.load(id))
}
