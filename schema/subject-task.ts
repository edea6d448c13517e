import type { Context } from './context.ts'
import { type TaskSource, taskSource } from './refs.ts'

/** Resolves `activeTask` of what tasks work on. */
export async function activeTaskOf(
  { id }: { readonly id: string },
  _args: object,
  { loaders }: Context,
): Promise<TaskSource | null> {
  return taskSource(await loaders.activeTask.load(id))
}

/** The task with an id that something remembers; null where it remembers none. */
export async function rememberedTask(id: string | null, { loaders }: Context): Promise<TaskSource | null> {
  return id === null ? null : taskSource(await loaders.task.load(id))
}
