import type { TaskStatus, TopicUpdate } from '../../../src/engine.ts'
import { viewerTopic } from '../../../src/studio/viewer/viewer-updates.ts'
import {
  type Context,
  type EventPosition,
  type LoggedEvent,
  readLogged,
  requireViewer,
  subscribeToTopic,
  taskSource,
} from '../../index.ts'
import { builder, defineTopicEvents, kindOf, taskKind, taskRef, taskStatus } from '../builder.ts'
import { findDocumentOf } from '../document/document-access.ts'
import { documentRef } from '../refs.ts'

interface ViewerEventSource extends LoggedEvent<null> {
  /** The owner of the changed lists. */
  readonly userId: string
}

const {
  event: viewerUpdate,
  eventRef,
  snapshotRef,
} = defineTopicEvents<ViewerEventSource>('ViewerUpdate', {
  description:
    'A change to what the viewer’s lists show. Implementations name the task, document or other object. New event types may be added: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without gaps; ViewerSnapshot repeats the last number.',
  unknown: 'ViewerOther',
})
const interfaces = [viewerUpdate]
const taskIdOf = ({ payload }: ViewerEventSource): string => String(payload['taskId'])
const documentIdOf = ({ payload }: ViewerEventSource): string => String(payload['documentId'])

snapshotRef('ViewerSnapshot').implement({
  description: 'The start of a subscription, or a replacement of events that cannot be replayed: fetch the lists now.',
  interfaces,
})
eventRef('ViewerTaskChanged').implement({
  description: 'A task of the viewer was started, or its status has changed.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    kind: t.field({
      type: taskKind,
      description: 'The kind of task.',
      resolve: ({ payload }) => kindOf(String(payload['kind'])),
    }),
    status: t.field({
      type: taskStatus,
      description: 'The task’s status after this event.',
      resolve: ({ payload }) => payload['status'] as TaskStatus,
    }),
    task: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task as it is now, which may be newer than this event; null after it was deleted.',
      resolve: async (event, _, { loaders }) => taskSource(await loaders.task.load(taskIdOf(event))),
    }),
  }),
})
eventRef('ViewerTaskRemoved').implement({
  description: 'A task of the viewer was deleted.',
  interfaces,
  fields: (t) => ({ taskId: t.id({ description: 'The id of the deleted task.', resolve: taskIdOf }) }),
})
eventRef('ViewerDocumentChanged').implement({
  description: 'A document was imported by or shared with the viewer, or its status or title has changed.',
  interfaces,
  fields: (t) => ({
    documentId: t.id({ description: 'The document.', resolve: documentIdOf }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'The document as it is now, which may be newer than this event; null when it is no longer visible.',
      resolve: (event, _, context) => findDocumentOf(context, documentIdOf(event), event.userId),
    }),
  }),
})
eventRef('ViewerDocumentRemoved').implement({
  description: 'A document was deleted, or is no longer shared with the viewer.',
  interfaces,
  fields: (t) => ({ documentId: t.id({ description: 'The id of the document.', resolve: documentIdOf }) }),
})
const viewerObject = builder.enumType('ViewerObject', {
  description: 'The type of an object in a list of the viewer.',
  values: {
    ROADMAP: { description: 'A roadmap: `roadmaps`.' },
    QUIZ: { description: 'A quiz: `quizzes`.' },
    PROJECT: { description: 'A project: `projects`.' },
    SESSION: { description: 'A session that the viewer participates in: `sessions`.' },
  } as const,
})
eventRef('ViewerObjectChanged').implement({
  description:
    'A roadmap, quiz, project or session was added to a list of the viewer, has changed there, or was removed: fetch it again.',
  interfaces,
  fields: (t) => ({
    object: t.field({
      type: viewerObject,
      description: 'The type of the object.',
      resolve: ({ payload }) => payload['object'] as typeof viewerObject.$inferType,
    }),
    objectId: t.id({ description: 'The object.', resolve: ({ payload }) => String(payload['objectId']) }),
    isRemoved: t.boolean({
      description: 'Whether it was deleted, or the viewer has left it.',
      resolve: ({ payload }) => payload['isRemoved'] === true,
    }),
  }),
})
eventRef('ViewerOther').implement({
  description: 'An event of a type that this version does not have.',
  interfaces,
})

builder.subscriptionField('viewerUpdates', (t) =>
  t.field({
    type: viewerUpdate,
    description: `Changes to the viewer’s own tasks, documents, roadmaps, quizzes, projects and sessions: started, changed, finished, removed. For lists that stay live.

Without \`after\`: a ViewerSnapshot first, then later events. With \`after\`: exactly the events after that cursor. Never completes.`,
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic(async (_args: object, context: Context) => {
      const { userId } = requireViewer(context)
      const { viewerUpdates } = context
      return {
        topic: viewerTopic(userId),
        create: () => viewerUpdates.open(userId),
        snapshot: () => viewerUpdates.snapshot(userId),
        read: (update: TopicUpdate<null>, position: EventPosition): ViewerEventSource => ({
          ...readLogged(update, position, 'ViewerSnapshot'),
          userId,
        }),
      }
    }),
  }),
)
