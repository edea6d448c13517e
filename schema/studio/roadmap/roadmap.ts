import type { ContentPiece } from '../../../src/studio/content/provider.ts'
import { type Concept, type Content, contentPieces, type Roadmap } from '../../../src/studio/roadmaps/roadmaps.ts'
import { activeTaskOf, type Context, findOwn, readPage, requireViewer } from '../../index.ts'
import { builder, defineConnection, listArguments, node, registerOwnNode, taskError, taskRef } from '../builder.ts'
import { conceptRef, contentPiece, documentRef, roadmapRef } from '../refs.ts'

registerOwnNode('roadmap', 'Roadmap', (loaders) => loaders.roadmap)
registerOwnNode('concept', 'Concept', (loaders) => loaders.concept)

/** `ContentStatus` */
export const contentStatus = builder.enumType('ContentStatus', {
  description: 'The state of one piece of content.',
  values: {
    PENDING: { description: 'The piece waits for the task that generates it.' },
    GENERATING: { description: 'The piece is being generated; its text streams as TaskOutput.' },
    COMPLETED: { description: 'The piece is available.' },
    FAILED: { description: 'The piece failed; it can be retried.' },
  } as const,
})

const content = builder.objectRef<Content>('Content').implement({
  description: 'One piece of content of a concept.',
  fields: (t) => ({
    piece: t.field({ type: contentPiece, description: 'The piece of content.', resolve: ({ piece }) => piece }),
    status: t.field({ type: contentStatus, description: 'The current status.', resolve: ({ status }) => status }),
    body: t.exposeString('body', { nullable: true, description: 'Markdown; null until completed.' }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failure; null otherwise.',
      resolve: ({ error }) => error,
    }),
  }),
})

async function contentOf(concept: Concept, piece: ContentPiece, { loaders }: Context): Promise<Content> {
  const contents = await loaders.contentsOf.load(concept.id)
  const storedContent = contents[contentPieces.indexOf(piece)]
  if (storedContent === undefined) throw new Error(`Concept "${concept.id}" has no ${piece}`)
  return storedContent
}

conceptRef.implement({
  description: 'The smallest part of a roadmap, with three pieces of content.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `concept_`.' }),
    title: t.exposeString('title', { description: 'The title.' }),
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
      description: 'The roadmap that contains the concept.',
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
    id: t.exposeID('id', { description: 'A unique id.' }),
    title: t.exposeString('title', { description: 'The title.' }),
    concepts: t.field({
      type: [conceptRef],
      description: 'In learning order.',
      resolve: ({ concepts }) => concepts,
    }),
  }),
})
const stageRef = builder.objectRef<StageSource>('Stage').implement({
  description: 'A phase of a roadmap.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A unique id.' }),
    title: t.exposeString('title', { description: 'The title.' }),
    modules: t.field({
      type: [moduleRef],
      description: 'In learning order.',
      resolve: ({ modules }) => modules,
    }),
  }),
})

/** Builds the tree of a roadmap from its concepts, which carry their stage and module. */
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
  description: 'A learning roadmap generated from a document.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `roadmap_`.' }),
    title: t.exposeString('title', { description: 'The title.' }),
    stages: t.field({
      type: [stageRef],
      description: 'In learning order; empty until the outline is generated.',
      resolve: async ({ id }, _, { loaders }) => toStages(await loaders.conceptsOf.load(id)),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task now working on this roadmap, so that a page that has just loaded can subscribe to it.',
      resolve: activeTaskOf,
    }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'The source document; null after it was deleted.',
      resolve: ({ documentId }, _, { loaders }) => (documentId === null ? null : loaders.document.load(documentId)),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

const roadmapConnection = defineConnection<Roadmap>('Roadmap', roadmapRef)

builder.queryFields((t) => ({
  roadmap: t.field({
    type: roadmapRef,
    nullable: true,
    description: 'A roadmap of the viewer; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `roadmap_`.' }) },
    resolve: (_, { id }, context) => findOwn(context, context.loaders.roadmap, id),
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
