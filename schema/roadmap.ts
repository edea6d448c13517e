import type { ContentPiece } from '../src/studio/content/provider.ts'
import { createRoadmapKind } from '../src/studio/roadmaps/create-roadmap.ts'
import { retryContentKind, retryFailedContentKind } from '../src/studio/roadmaps/retry-content.ts'
import { type Concept, type Content, contentPieces, type Roadmap } from '../src/studio/roadmaps/roadmaps.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, listArguments, readPage } from './connection.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { conceptRef, contentPiece, documentRef, roadmapRef, type TaskSource, taskRef } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'
import { keyDescription, startTask } from './start-task.ts'
import { activeTaskOf } from './subject-task.ts'

/** `ContentStatus` */
export const contentStatus = builder.enumType('ContentStatus', {
  description: 'The state of one piece of content.',
  values: {
    PENDING: { description: 'Waits for the task that will make it.' },
    GENERATING: { description: 'Is being made; what there is of it streams as TaskOutput.' },
    COMPLETED: { description: 'Can be read.' },
    FAILED: { description: 'Could not be made; retry it.' },
  } as const,
})

const content = builder.objectRef<Content>('Content').implement({
  description: 'One piece of content of a concept.',
  fields: (t) => ({
    piece: t.field({ type: contentPiece, description: 'Which of the three.', resolve: ({ piece }) => piece }),
    status: t.field({ type: contentStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    body: t.exposeString('body', { nullable: true, description: 'Markdown; null until completed.' }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it could not be made; null otherwise.',
      resolve: ({ error }) => error,
    }),
  }),
})

async function contentOf(concept: Concept, piece: ContentPiece, { loaders }: Context): Promise<Content> {
  const contents = await loaders.contentsOf.load(concept.id)
  const found = contents[contentPieces.indexOf(piece)]
  if (found === undefined) throw new Error(`Concept "${concept.id}" has no ${piece}`)
  return found
}

conceptRef.implement({
  description: 'The smallest part of a roadmap, with three pieces of content.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `concept_`.' }),
    title: t.exposeString('title', { description: 'What it is called.' }),
    tutorial: t.field({
      type: content,
      description: 'A short lesson.',
      resolve: (concept, _, context) => contentOf(concept, 'TUTORIAL', context),
    }),
    resources: t.field({
      type: content,
      description: 'Links and references.',
      resolve: (concept, _, context) => contentOf(concept, 'RESOURCES', context),
    }),
    quiz: t.field({
      type: content,
      description: 'Questions with their answers.',
      resolve: (concept, _, context) => contentOf(concept, 'QUIZ', context),
    }),
    roadmap: t.field({
      type: roadmapRef,
      nullable: true,
      description: 'The roadmap it belongs to.',
      resolve: ({ roadmapId }, _, { loaders }) => loaders.roadmap.load(roadmapId),
    }),
  }),
})

interface ModuleSource {
  readonly id: string
  readonly title: string
  readonly concepts: readonly Concept[]
}
interface StageSource {
  readonly id: string
  readonly title: string
  readonly modules: readonly ModuleSource[]
}
const moduleRef = builder.objectRef<ModuleSource>('Module').implement({
  description: 'A group of concepts.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique over all modules.' }),
    title: t.exposeString('title', { description: 'What it is called.' }),
    concepts: t.field({
      type: [conceptRef],
      description: 'In the order to learn them.',
      resolve: ({ concepts }) => concepts,
    }),
  }),
})
const stageRef = builder.objectRef<StageSource>('Stage').implement({
  description: 'A phase of a roadmap.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Unique over all stages.' }),
    title: t.exposeString('title', { description: 'What it is called.' }),
    modules: t.field({
      type: [moduleRef],
      description: 'In the order to learn them.',
      resolve: ({ modules }) => modules,
    }),
  }),
})

/** The tree of a roadmap from its concepts, which carry their stage and module. */
function toStages(concepts: readonly Concept[]): StageSource[] {
  const stages: {
    id: string
    title: string
    position: number
    modules: { id: string; title: string; position: number; concepts: Concept[] }[]
  }[] = []
  for (const concept of concepts) {
    let stage = stages.at(-1)
    if (stage?.position !== concept.stagePosition) {
      stage = {
        id: `${concept.roadmapId}.${concept.stagePosition + 1}`,
        title: concept.stageTitle,
        position: concept.stagePosition,
        modules: [],
      }
      stages.push(stage)
    }
    let module = stage.modules.at(-1)
    if (module?.position !== concept.modulePosition) {
      module = {
        id: `${stage.id}.${concept.modulePosition + 1}`,
        title: concept.moduleTitle,
        position: concept.modulePosition,
        concepts: [],
      }
      stage.modules.push(module)
    }
    module.concepts.push(concept)
  }
  return stages
}

roadmapRef.implement({
  description: 'A learning roadmap made from a document.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `roadmap_`.' }),
    title: t.exposeString('title', { description: 'What it is called.' }),
    stages: t.field({
      type: [stageRef],
      description: 'In the order to learn them; empty until the document’s structure has been read.',
      resolve: async ({ id }, _, { loaders }) => toStages(await loaders.conceptsOf.load(id)),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task now working on this roadmap, so that a page that has just loaded can pick it up.',
      resolve: activeTaskOf,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'What it was made from; null when that was deleted since.',
      resolve: ({ documentId }, _, { loaders }) => (documentId === null ? null : loaders.document.load(documentId)),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was asked for.',
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

const roadmapConnection = defineConnection<Roadmap>('Roadmap', roadmapRef)

builder.queryFields((t) => ({
  roadmap: t.field({
    type: roadmapRef,
    nullable: true,
    description: 'A roadmap of the viewer’s; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `roadmap_`.' }) },
    resolve: async (_, { id }, context) => {
      const viewer = requireViewer(context)
      const roadmap = await context.loaders.roadmap.load(id)
      return roadmap?.owner === viewer.userId ? roadmap : null
    },
  }),
  roadmaps: t.field({
    type: roadmapConnection,
    description: 'The viewer’s roadmaps, newest first.',
    args: listArguments,
    resolve: (_, range, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.roadmaps.list({ owner: userId, ...rows }))
    },
  }),
}))

const createRoadmapSuccess = builder
  .objectRef<TaskSource & { readonly roadmap: Roadmap }>('CreateRoadmapSuccess')
  .implement({
    description: 'The roadmap is being made.',
    fields: (t) => ({
      roadmap: t.field({
        type: roadmapRef,
        description: 'The roadmap, still empty.',
        resolve: ({ roadmap }) => roadmap,
      }),
      task: t.field({
        type: taskRef,
        description: 'The task that makes it: watch it with `taskProgress`.',
        resolve: (source) => source,
      }),
    }),
  })
const createRoadmapResult = defineResult(createRoadmapSuccess, anyFailure)

const retryContentInput = builder.inputType('RetryContentInput', {
  description: 'Which piece of which concept to generate again.',
  fields: (t) => ({
    conceptId: t.id({ required: true, description: 'The concept.' }),
    piece: t.field({ type: contentPiece, required: true, description: 'The piece.' }),
    idempotencyKey: t.string({ description: keyDescription }),
  }),
})
const retryContentSuccess = builder
  .objectRef<TaskSource & { readonly concept: Concept }>('RetryContentSuccess')
  .implement({
    description: 'The piece is being generated again.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task that makes it: watch it with `taskProgress`.',
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
    description: 'Everything that had failed is being generated again.',
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The batch; its `totalItems` counts what had failed.',
        resolve: (source) => source,
      }),
      roadmap: t.field({ type: roadmapRef, description: 'The roadmap.', resolve: ({ roadmap }) => roadmap }),
    }),
  })
const retryFailedContentResult = defineResult(retryFailedContentSuccess, anyFailure)

builder.mutationFields((t) => ({
  createRoadmap: t.field({
    type: createRoadmapResult.type,
    description: 'Makes a roadmap of a document that is READY and generates all its content, as one task.',
    args: {
      documentId: t.arg.id({ required: true, description: 'A document of the viewer’s.' }),
      idempotencyKey: t.arg.string({ description: keyDescription }),
    },
    resolve: (_, { documentId, idempotencyKey }, context) =>
      createRoadmapResult.run(context, documentId, async () => {
        const task = await startTask(context, createRoadmapKind, { documentId }, idempotencyKey)
        const roadmap = await context.loaders.roadmap.load(task.subject ?? '')
        return roadmap === null ? refuseAsMissing('roadmap', task.subject ?? '') : { task, roadmap }
      }),
  }),
  retryContent: t.field({
    type: retryContentResult.type,
    description:
      'Generates one piece of one concept again. Returns at once with the task; the piece reads GENERATING for every viewer.',
    args: { input: t.arg({ type: retryContentInput, required: true, description: 'Which piece.' }) },
    resolve: (_, { input: { conceptId, piece, idempotencyKey } }, context) =>
      retryContentResult.run(context, conceptId, async () => {
        const task = await startTask(context, retryContentKind, { conceptId, piece }, idempotencyKey)
        const concept = await context.loaders.concept.load(conceptId)
        return concept === null ? refuseAsMissing('concept', conceptId) : { task, concept }
      }),
  }),
  retryFailedContent: t.field({
    type: retryFailedContentResult.type,
    description: 'Generates everything on a roadmap that failed again, as one batch task with its own total.',
    args: {
      roadmapId: t.arg.id({ required: true, description: 'A roadmap of the viewer’s.' }),
      idempotencyKey: t.arg.string({ description: keyDescription }),
    },
    resolve: (_, { roadmapId, idempotencyKey }, context) =>
      retryFailedContentResult.run(context, roadmapId, async () => {
        const task = await startTask(context, retryFailedContentKind, { roadmapId }, idempotencyKey)
        const roadmap = await context.loaders.roadmap.load(roadmapId)
        return roadmap === null ? refuseAsMissing('roadmap', roadmapId) : { task, roadmap }
      }),
  }),
}))
