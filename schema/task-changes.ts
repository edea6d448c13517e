import { TidingsError } from '../src/errors.ts'
import type { Task } from '../src/tasks/task.ts'
import { builder, requireLimitedViewer, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { type TaskSource, taskRef } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'
import { keyDescription } from './start-task.ts'
import { loadTask } from './task.ts'

/** A task that the viewer may change. @throws TidingsError `NOT_FOUND`, or `FORBIDDEN` when the viewer may only see it */
async function loadOwnTask(context: Context, id: string): Promise<Task> {
  const task = await loadTask(context, id)
  if (requireViewer(context).userId === task.owner) return task
  throw new TidingsError('FORBIDDEN', `Task "${id}" is shared with you to watch; only its owner may change it`, { id })
}

/** A task that the viewer may cancel. @throws TidingsError `NOT_FOUND`, `FORBIDDEN` */
async function loadCancelableTask(context: Context, id: string): Promise<Task> {
  const task = await loadTask(context, id)
  if (await context.engine.visibility.mayCancel(requireLimitedViewer(context), task)) return task
  throw new TidingsError('FORBIDDEN', `Task "${id}" is shared with you to watch; only its owner may cancel it`, { id })
}

const cancelTaskSuccess = builder.objectRef<TaskSource>('CancelTaskSuccess').implement({
  description: 'The task is canceled, for everyone who watches it.',
  fields: (t) => ({
    task: t.field({ type: taskRef, description: 'The task, now canceled.', resolve: (source) => source }),
  }),
})
const retryTaskSuccess = builder.objectRef<TaskSource>('RetryTaskSuccess').implement({
  description: 'The task was started again.',
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

builder.mutationFields((t) => ({
  cancelTask: t.field({
    type: cancelTaskResult.type,
    description:
      'Stops a task that is not final, wherever it runs. Canceling a canceled task succeeds. Its owner may; a REPLY can be stopped by every participant of its session.',
    args: {
      id: t.arg.id({ required: true, description: 'The task.' }),
      reason: t.arg.string({ description: 'Shown to everyone who watches; at most 500 characters are kept.' }),
    },
    resolve: (_, { id, reason }, context) =>
      cancelTaskResult.run(context, id, async () => {
        await loadCancelableTask(context, id)
        return { task: await context.engine.tasks.cancel(id, reason?.slice(0, 500)) }
      }),
  }),
  retryTask: t.field({
    type: retryTaskResult.type,
    description: 'Starts a failed or canceled task again, as a new task with the same input.',
    args: {
      taskId: t.arg.id({ required: true, description: 'The failed or canceled task.' }),
      idempotencyKey: t.arg.string({ description: keyDescription }),
    },
    resolve: (_, { taskId, idempotencyKey }, context) =>
      retryTaskResult.run(context, taskId, async () => {
        const viewer = requireViewer(context)
        await loadOwnTask(context, taskId)
        const { task } = await context.engine.tasks.retry(taskId, {
          idempotencyKey: idempotencyKey ?? undefined,
          headStartMs: context.limits.headStartMs(viewer.plan),
        })
        return { task }
      }),
  }),
}))
