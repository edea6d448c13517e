import { type PieceState, type RoadmapState, readRoadmapState, roadmapTopic } from '../src/studio/roadmaps/updates.ts'
import type { TaskStatus } from '../src/tasks/task.ts'
import { findOwn } from './access.ts'
import { builder } from './builder.ts'
import { refuseAsMissing } from './failure.ts'
import { taskError } from './progress.ts'
import { contentPiece } from './refs.ts'
import { contentStatus } from './roadmap.ts'
import { taskStatus } from './task.ts'
import { defineTopicEvents, type LoggedEvent, promised, readLogged } from './topic-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

const pieceRef = builder.objectRef<PieceState>('ContentChange').implement({
  description: 'Where one piece of content is now.',
  fields: (t) => ({
    conceptId: t.exposeID('conceptId', { description: 'Whose piece it is.' }),
    piece: t.field({ type: contentPiece, description: 'Which of the three.', resolve: ({ piece }) => piece }),
    status: t.field({ type: contentStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it could not be made; null otherwise.',
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
  description:
    'What happened to a roadmap. New kinds of event may appear: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without a gap; RoadmapSnapshot repeats the last number.',
  unknown: 'RoadmapOther',
})
builder.interfaceField(roadmapEvent, 'roadmapId', (t) =>
  t.exposeID('roadmapId', { description: 'The roadmap it happened to.' }),
)
const interfaces = [roadmapEvent]
const taskIdOf = ({ payload }: EventSource): string => String(payload['taskId'])
const piecesOf = ({ payload }: EventSource): PieceState[] => (payload['pieces'] ?? []) as unknown as PieceState[]

snapshotRef('RoadmapSnapshot').implement({
  description: 'How the roadmap is at `cursor`, in place of events: begin anew from it.',
  interfaces,
  fields: (t) => ({
    contents: t.field({
      type: [pieceRef],
      description: 'All pieces, in the order of the roadmap; empty until the document’s structure has been read.',
      resolve: (event) => promised(event.snapshot, event).pieces,
    }),
    activeTaskIds: t.idList({
      description: 'The tasks that work on it, oldest first: watch them with `taskProgress`.',
      resolve: (event) => [...promised(event.snapshot, event).activeTaskIds],
    }),
  }),
})
eventRef('RoadmapTaskStarted').implement({
  description: 'Somebody has started a task that works on the roadmap: watch it with `taskProgress`.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    contents: t.field({
      type: [pieceRef],
      description: 'The pieces that have changed with it: one that is retried reads GENERATING.',
      resolve: piecesOf,
    }),
  }),
})
eventRef('RoadmapOutlined').implement({
  description: 'The stages, modules and concepts are known now: ask for the roadmap. All pieces are PENDING.',
  interfaces,
  fields: (t) => ({ taskId: t.id({ description: 'The task that makes the roadmap.', resolve: taskIdOf }) }),
})
eventRef('RoadmapContentChanged').implement({
  description: 'Pieces are made, have been made, or could not be.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task that works on them.', resolve: taskIdOf }),
    contents: t.field({ type: [pieceRef], description: 'The pieces that have changed.', resolve: piecesOf }),
  }),
})
eventRef('RoadmapTaskEnded').implement({
  description: 'A task that worked on the roadmap is over: completed, failed or canceled.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    taskStatus: t.field({
      type: taskStatus,
      description: 'How it ended.',
      resolve: ({ payload }) => payload['status'] as TaskStatus,
    }),
    contents: t.field({
      type: [pieceRef],
      description: 'The pieces that have changed with it: those that it did not come to make.',
      resolve: piecesOf,
    }),
  }),
})
eventRef('RoadmapOther').implement({
  description: 'Something that this version does not know.',
  interfaces,
  fields: (t) => ({ type: t.string({ description: 'What it is called.', resolve: ({ type }) => type }) }),
})

builder.subscriptionField('roadmapUpdates', (t) =>
  t.field({
    type: roadmapEvent,
    description: `What every viewer of a roadmap should know, whoever caused it: tasks that begin and end, and where each piece is.

Without \`after\`: a snapshot first, then what follows. With \`after\`: exactly what follows that cursor. It goes on until it is left. How
far a task is, and its text as it is written, is told by \`taskProgress\`.`,
    args: {
      roadmapId: t.arg.id({ required: true, description: 'A roadmap of the viewer’s.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
    },
    ...subscribeToTopic<{ readonly roadmapId: string }, RoadmapState, EventSource>(async ({ roadmapId }, context) => {
      const roadmap = await findOwn(context, context.loaders.roadmap, String(roadmapId))
      const { id } = roadmap ?? refuseAsMissing('roadmap', String(roadmapId))
      return {
        topic: roadmapTopic(id),
        snapshot: () => readRoadmapState(context.engine.database, id),
        read: (followed, place) => ({ ...readLogged(followed, place, 'RoadmapSnapshot'), roadmapId: id }),
      }
    }),
  }),
)
