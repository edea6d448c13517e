import type { JsonObject } from '../src/db/tables.ts'
import { createCursorFormat } from '../src/log/cursor.ts'
import type { Followed, SnapshotReason } from '../src/log/follow.ts'
import { type PieceState, type RoadmapState, readRoadmapState, roadmapTopic } from '../src/studio/roadmaps/updates.ts'
import type { TaskStatus } from '../src/tasks/task.ts'
import { builder, requireViewer } from './builder.ts'
import { refuseAsMissing } from './failure.ts'
import { taskError } from './progress.ts'
import { contentPiece } from './refs.ts'
import { contentStatus } from './roadmap.ts'
import { taskStatus } from './task.ts'
import { snapshotReason } from './task-event.ts'
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

/** What an event is resolved from. Holds all that its fields need. */
interface EventSource {
  readonly type: string
  readonly roadmapId: string
  readonly cursor: string
  readonly seq: number
  readonly at: string
  readonly payload: JsonObject
  readonly snapshot?: { readonly reason: SnapshotReason; readonly state: RoadmapState }
}

const knownTypes = new Set<string>()
const roadmapEvent = builder.interfaceRef<EventSource>('RoadmapEvent').implement({
  description:
    'What happened to a roadmap. New kinds of event may appear: select `__typename` and keep a default branch.',
  // An event that a newer server wrote is told by its name alone.
  resolveType: ({ type }) => (knownTypes.has(type) ? type : 'RoadmapOther'),
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it back as `after` to receive what follows this event.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without a gap; RoadmapSnapshot repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ at }) => at }),
    roadmapId: t.exposeID('roadmapId', { description: 'The roadmap it happened to.' }),
  }),
})

function eventRef(name: string): ReturnType<typeof builder.objectRef<EventSource>> {
  knownTypes.add(name)
  return builder.objectRef<EventSource>(name)
}
const interfaces = [roadmapEvent]
const taskIdOf = ({ payload }: EventSource): string => String(payload['taskId'])
const piecesOf = ({ payload }: EventSource): PieceState[] => (payload['pieces'] ?? []) as unknown as PieceState[]
function stateOf({ snapshot, roadmapId }: EventSource): RoadmapState {
  if (snapshot === undefined) throw new Error(`A snapshot of roadmap "${roadmapId}" came without it`)
  return snapshot.state
}

eventRef('RoadmapSnapshot').implement({
  description: 'How the roadmap is at `cursor`, in place of events: begin anew from it.',
  interfaces,
  fields: (t) => ({
    reason: t.field({
      type: snapshotReason,
      description: 'Why it stands here.',
      resolve: ({ snapshot }) => snapshot?.reason ?? 'SUBSCRIBED',
    }),
    contents: t.field({
      type: [pieceRef],
      description: 'All pieces, in the order of the roadmap; empty until the document’s structure has been read.',
      resolve: (event) => [...stateOf(event).pieces],
    }),
    activeTaskIds: t.idList({
      description: 'The tasks that work on it, oldest first: watch them with `taskProgress`.',
      resolve: (event) => [...stateOf(event).activeTaskIds],
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

/** Turns what is followed into events of the API. */
function createReader(roadmapId: string, cursorOf: (seq: number) => string) {
  return (followed: Followed<RoadmapState>): EventSource => {
    if (followed.is === 'event') {
      const { type, seq, at, payload } = followed.event
      return { type, roadmapId, cursor: cursorOf(seq), seq, at, payload }
    }
    const { seq, reason, state } = followed
    return {
      type: 'RoadmapSnapshot',
      roadmapId,
      cursor: cursorOf(seq),
      seq,
      at: new Date().toISOString(),
      payload: {},
      snapshot: { reason, state },
    }
  }
}

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
      const { userId } = requireViewer(context)
      const roadmap = await context.loaders.roadmap.load(String(roadmapId))
      if (roadmap?.owner !== userId) return refuseAsMissing('roadmap', String(roadmapId))
      const { id } = roadmap
      const { database, reader } = context.engine
      const topic = roadmapTopic(id)
      const cursorOf = createCursorFormat(reader.epoch, topic)
      return {
        topic,
        snapshot: () => readRoadmapState(database, id),
        createReader: () => createReader(id, cursorOf),
      }
    }),
  }),
)
