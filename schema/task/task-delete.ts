import { requireViewer } from '../kit/builder.ts'
import type { Kit } from '../kit/kit.ts'
import { loadOwnTask } from './task-mutations.ts'

interface DeletedTask {
  readonly id: string
  readonly isCanceled: boolean
}

/** Adds the mutation `deleteTask`. */
export function addTaskDeletion({ builder, defineResult }: Kit): void {
  const deleteTaskSuccess = builder.objectRef<DeletedTask>('DeleteTaskSuccess').implement({
    description: 'The task is deleted for good.',
    fields: (t) => ({
      taskId: t.exposeID('id', { description: 'The deleted task.' }),
      wasCanceled: t.exposeBoolean('isCanceled', {
        description: 'Whether it was not finished and was canceled first; its subscribers received `TaskCanceled`.',
      }),
    }),
  })
  const deleteTaskResult = defineResult(deleteTaskSuccess, ['NotFoundError'])
  const deleteTaskInput = builder.inputType('DeleteTaskInput', {
    description: 'The task to delete.',
    fields: (t) => ({ taskId: t.id({ required: true, description: 'A task of the viewer.' }) }),
  })

  builder.mutationField('deleteTask', (t) =>
    t.field({
      type: deleteTaskResult.type,
      description:
        'Deletes a task with its input, result and history. A task that is not finished is canceled first. What it has made stays. Only its owner may.',
      args: { input: t.arg({ type: deleteTaskInput, required: true, description: 'The task to delete.' }) },
      resolve: (_, { input: { taskId } }, context) =>
        deleteTaskResult.run(context, taskId, async () => {
          // A scoped token permits no deletion, whatever it names.
          requireViewer(context)
          await loadOwnTask(context, taskId)
          const canceledIds = await context.engine.tasks.delete([taskId], 'The task was deleted.')
          context.noteDeleted?.()
          return { id: taskId, isCanceled: canceledIds.length > 0 }
        }),
    }),
  )
}
