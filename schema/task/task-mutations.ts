import { TidingsError } from '../../src/errors.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import { requireLimitedViewer, requireViewer } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'
import type { Kit } from '../kit/kit.ts'
import { anyFailure } from '../kit/result.ts'
import type { TaskSource } from '../kit/task-ref.ts'
import { keyDescription } from './start-task.ts'
import { loadTask } from './task.ts'
import type { TaskKinds } from './task-kind.ts'

/**
 * Returns a task that the viewer may change.
 * @throws TidingsError `NOT_FOUND`, or `FORBIDDEN` when the viewer may only see it
 */
export async function loadOwnTask(context: Context, id: string): Promise<Task> {
  const task = await loadTask(context, id)
  if (requireViewer(context).userId === task.owner) return task
  throw new TidingsError('FORBIDDEN', `Task "${id}" is shared with you to watch; only its owner may change it`, { id })
}

/** Returns a task that the viewer may cancel. @throws TidingsError `NOT_FOUND`, `FORBIDDEN` */
async function loadCancelableTask(context: Context, id: string): Promise<Task> {
  const task = await loadTask(context, id)
  if (await context.engine.visibility.mayCancel(requireLimitedViewer(context), task)) return task
  throw new TidingsError('FORBIDDEN', `Task "${id}" is shared with you to watch; only its owner may cancel it`, { id })
}

/** Adds the mutations `cancelTask` and `retryTask`. */
export function addTaskMutations({ builder, taskRef, defineResult }: Kit, { checkStart }: TaskKinds): void {
  const cancelTaskSuccess = builder.objectRef<TaskSource>('CancelTaskSuccess').implement({
    description: 'The task is canceled for all subscribers.',
    fields: (t) => ({
      task: t.field({ type: taskRef, description: 'The task, now canceled.', resolve: (source) => source }),
    }),
  })
  const retryTaskSuccess = builder.objectRef<TaskSource>('RetryTaskSuccess').implement({
    description: 'The task was started again as a new task.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The new task; its `retryOf` is the old one.',
        resolve: (source) => source,
      }),
    }),
  })
  const cancelTaskResult = defineResult(cancelTaskSuccess, ['NotFoundError', 'ConflictError'])
  const retryTaskResult = defineResult(retryTaskSuccess, anyFailure)

  const cancelTaskInput = builder.inputType('CancelTaskInput', {
    description: 'The task to cancel.',
    fields: (t) => ({
      taskId: t.id({ required: true, description: 'The task.' }),
      reason: t.string({ description: 'Shown to every subscriber; at most 500 characters are kept.' }),
    }),
  })
  const retryTaskInput = builder.inputType('RetryTaskInput', {
    description: 'The task to start again.',
    fields: (t) => ({
      taskId: t.id({ required: true, description: 'The failed or canceled task.' }),
      idempotencyKey: t.string({ description: keyDescription }),
    }),
  })

  builder.mutationFields((t) => ({
    cancelTask: t.field({
      type: cancelTaskResult.type,
      description:
        'Stops a task in any status that is not final. Canceling a canceled task succeeds. Only its owner may, and the users to whom its kind permits it.',
      args: { input: t.arg({ type: cancelTaskInput, required: true, description: 'The input.' }) },
      resolve: (_, { input: { taskId, reason } }, context) =>
        cancelTaskResult.run(context, taskId, async () => {
          await loadCancelableTask(context, taskId)
          return { task: await context.engine.tasks.cancel(taskId, reason?.slice(0, 500)) }
        }),
    }),
    retryTask: t.field({
      type: retryTaskResult.type,
      description: 'Starts a failed or canceled task again, as a new task with the same input.',
      args: { input: t.arg({ type: retryTaskInput, required: true, description: 'The input.' }) },
      resolve: (_, { input: { taskId, idempotencyKey } }, context) =>
        retryTaskResult.run(context, taskId, async () => {
          const viewer = requireViewer(context)
          const { kind, input } = await loadOwnTask(context, taskId)
          await checkStart(context, kind, input)
          const { task } = await context.engine.tasks.retry(taskId, {
            idempotencyKey: idempotencyKey ?? undefined,
            headStartMs: context.limits.headStartMs(viewer.plan),
          })
          return { task }
        }),
    }),
  }))
}
