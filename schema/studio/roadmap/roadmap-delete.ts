import { builder, requireViewer } from '../../kit/builder.ts'
import { defineResult } from '../../kit/result.ts'

interface DeleteSource {
  readonly id: string
  readonly canceledTaskIds: readonly string[]
}
const deleteRoadmapSuccess = builder.objectRef<DeleteSource>('DeleteRoadmapSuccess').implement({
  description: 'The roadmap was deleted permanently.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the deleted roadmap.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks of the roadmap that were canceled; their subscribers receive TaskCanceled.',
      resolve: ({ canceledTaskIds }) => [...canceledTaskIds],
    }),
  }),
})
const deleteRoadmapResult = defineResult(deleteRoadmapSuccess, ['NotFoundError'])

const deleteRoadmapInput = builder.inputType('DeleteRoadmapInput', {
  description: 'The roadmap to delete.',
  fields: (t) => ({ roadmapId: t.id({ required: true, description: 'A roadmap of the viewer.' }) }),
})

builder.mutationField('deleteRoadmap', (t) =>
  t.field({
    type: deleteRoadmapResult.type,
    description:
      'Deletes a roadmap with its content and task logs. Its running tasks are canceled. Only the owner may delete it.',
    args: { input: t.arg({ type: deleteRoadmapInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { roadmapId } }, context) =>
      deleteRoadmapResult.run(context, roadmapId, async () => ({
        id: roadmapId,
        canceledTaskIds: await context.roadmaps.delete(requireViewer(context).userId, roadmapId),
      })),
  }),
)
