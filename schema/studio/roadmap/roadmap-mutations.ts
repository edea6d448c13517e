import { createRoadmapKind } from '../../../src/studio/roadmaps/create-roadmap.ts'
import { retryContentKind, retryFailedContentKind } from '../../../src/studio/roadmaps/retry-content.ts'
import type { Concept, Roadmap } from '../../../src/studio/roadmaps/roadmaps.ts'
import { anyFailure, keyDescription, refuseAsMissing, requireViewer, startTask, type TaskSource } from '../../index.ts'
import { builder, defineResult, taskRef } from '../builder.ts'
import { conceptRef, contentPiece, roadmapRef } from '../refs.ts'

const createRoadmapSuccess = builder
  .objectRef<TaskSource & { readonly roadmap: Roadmap }>('CreateRoadmapSuccess')
  .implement({
    description: 'The task that generates the roadmap was started.',
    fields: (t) => ({
      roadmap: t.field({
        type: roadmapRef,
        description: 'The roadmap, empty at first.',
        resolve: ({ roadmap }) => roadmap,
      }),
      task: t.field({
        type: taskRef,
        description: 'The task that does the work; subscribe to it with `taskProgress`.',
        resolve: (source) => source,
      }),
    }),
  })
const createRoadmapResult = defineResult(createRoadmapSuccess, anyFailure)

const createRoadmapInput = builder.inputType('CreateRoadmapInput', {
  description: 'The document to generate a roadmap from.',
  fields: (t) => ({
    documentId: t.id({ required: true, description: 'A document of the viewer.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const retryFailedContentInput = builder.inputType('RetryFailedContentInput', {
  description: 'The roadmap with the failed content.',
  fields: (t) => ({
    roadmapId: t.id({ required: true, description: 'A roadmap of the viewer.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const retryContentInput = builder.inputType('RetryContentInput', {
  description: 'The piece of content to generate again.',
  fields: (t) => ({
    conceptId: t.id({ required: true, description: 'The concept.' }),
    piece: t.field({ type: contentPiece, required: true, description: 'The piece.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const retryContentSuccess = builder
  .objectRef<TaskSource & { readonly concept: Concept }>('RetryContentSuccess')
  .implement({
    description: 'The task that generates the piece was started.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task that does the work; subscribe to it with `taskProgress`.',
        resolve: (source) => source,
      }),
      concept: t.field({
        type: conceptRef,
        description: 'The concept; the piece reads GENERATING.',
        resolve: ({ concept }) => concept,
      }),
    }),
  })
const retryContentResult = defineResult(retryContentSuccess, anyFailure)

const retryFailedContentSuccess = builder
  .objectRef<TaskSource & { readonly roadmap: Roadmap }>('RetryFailedContentSuccess')
  .implement({
    description: 'The batch task was started.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The batch task; `totalItems` is the number of failed pieces.',
        resolve: (source) => source,
      }),
      roadmap: t.field({ type: roadmapRef, description: 'The roadmap.', resolve: ({ roadmap }) => roadmap }),
    }),
  })
const retryFailedContentResult = defineResult(retryFailedContentSuccess, anyFailure)

builder.mutationFields((t) => ({
  createRoadmap: t.field({
    type: createRoadmapResult.type,
    description: 'Generates a roadmap with all its content from a document that is READY, as one task.',
    args: { input: t.arg({ type: createRoadmapInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { documentId, idempotencyKey } }, context) =>
      createRoadmapResult.run(context, documentId, async () => {
        await context.quotas.check('roadmaps', requireViewer(context).userId, { key: idempotencyKey })
        const task = await startTask(context, createRoadmapKind, { documentId }, idempotencyKey)
        const roadmap = await context.loaders.roadmap.load(task.subject ?? '')
        return roadmap === null ? refuseAsMissing('roadmap', task.subject ?? '') : { task, roadmap }
      }),
  }),
  retryContent: t.field({
    type: retryContentResult.type,
    description:
      'Generates one piece of content of a concept again. Returns the task at once; the piece reads GENERATING for all viewers.',
    args: { input: t.arg({ type: retryContentInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { conceptId, piece, idempotencyKey } }, context) =>
      retryContentResult.run(context, conceptId, async () => {
        const task = await startTask(context, retryContentKind, { conceptId, piece }, idempotencyKey)
        const concept = await context.loaders.concept.load(conceptId)
        return concept === null ? refuseAsMissing('concept', conceptId) : { task, concept }
      }),
  }),
  retryFailedContent: t.field({
    type: retryFailedContentResult.type,
    description: 'Generates all failed content of a roadmap again, as one batch task with its own total.',
    args: { input: t.arg({ type: retryFailedContentInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { roadmapId, idempotencyKey } }, context) =>
      retryFailedContentResult.run(context, roadmapId, async () => {
        const task = await startTask(context, retryFailedContentKind, { roadmapId }, idempotencyKey)
        const roadmap = await context.loaders.roadmap.load(roadmapId)
        return roadmap === null ? refuseAsMissing('roadmap', roadmapId) : { task, roadmap }
      }),
  }),
}))

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
