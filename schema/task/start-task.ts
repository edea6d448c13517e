import type { JsonObject } from '../../src/db/tables.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import { requireViewer } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'

/** The description of the argument `idempotencyKey` of a mutation that starts a task. */
export const keyDescription =
  'At most 255 characters. A repeated request with the same key returns the same task; with the same key and another input, it is refused.'

/** Starts a task of the viewer, with the priority boost of the viewer's plan. */
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
