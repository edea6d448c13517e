import type { JsonObject } from '../src/db/tables.ts'
import { isTidingsError, TidingsError } from '../src/errors.ts'
import type { Task } from '../src/tasks/task.ts'
import { requireViewer } from './builder.ts'
import type { Context } from './context.ts'

/** What the argument `idempotencyKey` of a mutation that starts a task is for. */
export const keyDescription =
  'At most 255 characters. Sent again with the same key, the same task is returned instead of a second one; with another input, the mutation is refused.'

/** Runs a start whose key is within the mutation's input, so that an issue with the key says so. */
export async function withKeyInInput<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    if (!isTidingsError(error) || !Array.isArray(error.details['issues'])) throw error
    const issues = (error.details['issues'] as { path: string; message: string }[]).map(({ path, message }) => ({
      path: path === 'idempotencyKey' ? `input.${path}` : path,
      message,
    }))
    throw new TidingsError(error.code, error.message, { ...error.details, issues }, { cause: error })
  }
}

/** Starts a task of the viewer's, with the head start of that one's plan. */
export async function startTask(
  context: Context,
  kind: string,
  input: JsonObject,
  idempotencyKey: string | null | undefined,
): Promise<Task> {
  const viewer = requireViewer(context)
  const { task } = await context.engine.tasks.start({
    kind,
    input,
    owner: viewer.userId,
    idempotencyKey: idempotencyKey ?? undefined,
    headStartMs: context.limits.headStartMs(viewer.plan),
  })
  return task
}
