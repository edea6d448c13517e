import type { TaskStatus } from '../../../src/engine.ts'
import {
  type PieceState,
  type RoadmapState,
  readRoadmapState,
  roadmapTopic,
} from '../../../src/studio/roadmaps/updates.ts'
import { findOwn, type LoggedEvent, promised, readLogged, refuseAsMissing, subscribeToTopic } from '../../index.ts'
import { builder, defineTopicEvents, taskError, taskStatus } from '../builder.ts'
import { contentPiece } from '../refs.ts'
import { contentStatus } from './roadmap.ts'

const pieceRef = builder.objectRef<PieceState>('ContentChange').implement({
  description: 'The current status of one piece of content.',
  fields: (t) => ({
    conceptId: t.exposeID('conceptId', { description: 'The concept of the piece.' }),
    piece: t.field({ type: contentPiece, description: 'The piece of content.', resolve: ({ piece }) => piece }),
    status: t.field({ type: contentStatus, description: 'The current status.', resolve: ({ status }) => status }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failure; null otherwise.',
      resolve: ({ error }) => error,
    }),
  }),
})

interface EventSource extends LoggedEvent<RoadmapState> {
  readonly roadmapId: string
}

const {
  event: roadmapEvent,
  eventRef,
  snapshotRef,
} = defineTopicEvents<EventSource>('RoadmapEvent', {
  description: 'An event of a roadmap. New event types may be added: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without gaps; RoadmapSnapshot repeats the last number.',
  unknown: 'RoadmapOther',
})
builder.interfaceField(roadmapEvent, 'roadmapId', (t) => t.exposeID('roadmapId', { description: 'The roadmap.' }))
const interfaces = [roadmapEvent]
const taskIdOf = ({ payload }: EventSource): string => String(payload['taskId'])
const piecesOf = ({ payload }: EventSource): PieceState[] => (payload['pieces'] ?? []) as unknown as PieceState[]

snapshotRef('RoadmapSnapshot').implement({
  description: 'The state of the roadmap at `cursor`. Replaces everything received before.',
  interfaces,
  fields: (t) => ({
    contents: t.field({
      type: [pieceRef],
      description: 'All pieces in the order of the roadmap; empty until the outline is generated.',
      resolve: (event) => promised(event.snapshot, event).pieces,
    }),
    activeTaskIds: t.idList({
      description: 'The running tasks, oldest first; subscribe to them with `taskProgress`.',
      resolve: (event) => [...promised(event.snapshot, event).activeTaskIds],
    }),
  }),
})
eventRef('RoadmapTaskStarted').implement({
  description: 'A task of the roadmap was started; subscribe to it with `taskProgress`.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    contents: t.field({
      type: [pieceRef],
      description: 'The pieces that changed with it; a retried piece reads GENERATING.',
      resolve: piecesOf,
    }),
  }),
})
eventRef('RoadmapOutlined').implement({
  description: 'The outline is generated: fetch the stages, modules and concepts. All pieces are PENDING.',
  interfaces,
  fields: (t) => ({ taskId: t.id({ description: 'The task that generates the roadmap.', resolve: taskIdOf }) }),
})
eventRef('RoadmapContentChanged').implement({
  description: 'The status of pieces of content has changed.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task that caused the change.', resolve: taskIdOf }),
    contents: t.field({ type: [pieceRef], description: 'The changed pieces.', resolve: piecesOf }),
  }),
})
eventRef('RoadmapTaskEnded').implement({
  description: 'A task of the roadmap completed, failed or was canceled.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    taskStatus: t.field({
      type: taskStatus,
      description: 'The final status.',
      resolve: ({ payload }) => payload['status'] as TaskStatus,
    }),
    contents: t.field({
      type: [pieceRef],
      description: 'The pieces that changed with it, because the task ended before generating them.',
      resolve: piecesOf,
    }),
  }),
})
eventRef('RoadmapDeleted').implement({ description: 'The roadmap was deleted. The terminal event.', interfaces })
eventRef('RoadmapOther').implement({
  description: 'An event of a type that this version does not have.',
  interfaces,
  fields: (t) => ({ type: t.string({ description: 'The event’s type.', resolve: ({ type }) => type }) }),
})

builder.subscriptionField('roadmapUpdates', (t) =>
  t.field({
    type: roadmapEvent,
    description: `All events of a roadmap, by any user: tasks that start and end, and the status of each piece.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
Completes after RoadmapDeleted. The progress of a task and its streamed text are in \`taskProgress\`.`,
    args: {
      roadmapId: t.arg.id({ required: true, description: 'A roadmap of the viewer.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic<{ readonly roadmapId: string }, RoadmapState, EventSource>(async ({ roadmapId }, context) => {
      const roadmap = await findOwn(context, context.loaders.roadmap, String(roadmapId))
      const { id } = roadmap ?? refuseAsMissing('roadmap', String(roadmapId))
      return {
        topic: roadmapTopic(id),
        snapshot: () => readRoadmapState(context.engine.database, id),
        isLast: ({ type }) => type === 'RoadmapDeleted',
        read: (update, position) => ({ ...readLogged(update, position, 'RoadmapSnapshot'), roadmapId: id }),
      }
    }),
  }),
)
