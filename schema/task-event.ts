import type { JsonObject } from '../src/db/tables.ts'
import { createCursorFormat, parseCursor } from '../src/log/cursor.ts'
import type { LogEvent } from '../src/log/event.ts'
import type { LogReader } from '../src/log/read.ts'
import type { QueuePlace } from '../src/tasks/place.ts'
import { type FailureState, isFinal, type Task, type TaskItem, type TaskStatus, taskTopic } from '../src/tasks/task.ts'
import type { Watched } from '../src/tasks/watch.ts'
import { builder } from './builder.ts'
import { defineConnection, type Page, pageSize } from './connection.ts'
import { progress, progressOf, queuePlace, taskError, taskItem } from './progress.ts'
import { type TaskSource, taskRef } from './refs.ts'
import { progressOfTask, taskStatus } from './task.ts'
import { taskResult, toResult } from './task-result.ts'
import { defineTopicEvents, promised, type TopicEvent } from './topic-event.ts'

/** What an event of a task is resolved from. */
export interface EventSource extends TopicEvent {
  readonly taskId: string
  readonly status: TaskStatus
  readonly payload: JsonObject
  readonly snapshot?: TaskSource
  readonly place?: QueuePlace
}

/** Turns what a watcher is handed into events of the API. One for each task and stream. */
export function createEventReader(epoch: string, taskId: string): (watched: Watched) => EventSource {
  const cursorOf = createCursorFormat(epoch, taskTopic(taskId))
  let last: { readonly status: TaskStatus; readonly progress: unknown } = { status: 'QUEUED', progress: null }
  return (watched) => {
    switch (watched.is) {
      case 'event': {
        const source = toEventSource(watched.event, taskId, cursorOf)
        last = { status: source.status, progress: source.payload['progress'] }
        return source
      }
      case 'snapshot': {
        const { task, items } = watched.state
        last = { status: task.status, progress: task.progress }
        return {
          type: 'TaskSnapshot',
          taskId,
          cursor: cursorOf(watched.seq),
          seq: watched.seq,
          at: new Date().toISOString(),
          status: task.status,
          payload: {},
          reason: watched.reason,
          snapshot: { task, items },
        }
      }
      case 'queueMoved':
        return {
          type: 'TaskQueueMoved',
          taskId,
          cursor: cursorOf(watched.seq),
          seq: watched.seq,
          at: watched.at,
          status: last.status,
          payload: { progress: last.progress },
          place: watched.place,
        }
    }
  }
}

/** An entry of the log as an event of the API. */
export function toEventSource(event: LogEvent, taskId: string, cursorOf: (seq: number) => string): EventSource {
  const { type, seq, at, payload } = event
  return { type, taskId, cursor: cursorOf(seq), seq, at, status: payload['status'] as TaskStatus, payload }
}

/** `TaskEvent` and its types. */
export const taskEvents = defineTopicEvents<EventSource>('TaskEvent', {
  description: 'What happened to a task. New kinds of event may appear: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without a gap. Events that report a passing state (TaskSnapshot, TaskQueueMoved) repeat the last number.',
  // Every event tells the status and the progress after it.
  unknown: 'TaskAdvanced',
})
builder.interfaceFields(taskEvents.event, (t) => ({
  taskId: t.exposeID('taskId', { description: 'The task it happened to.' }),
  status: t.field({ type: taskStatus, description: 'The state after this event.', resolve: ({ status }) => status }),
  progress: t.field({
    type: progress,
    description: 'How far the task is after this event.',
    resolve: ({ at, status, payload, snapshot }) => {
      if (snapshot !== undefined) return progressOfTask(snapshot.task)
      const atMs = Date.parse(at)
      return { state: progressOf(payload['progress']), atMs, writtenAtMs: isFinal(status) ? null : atMs }
    },
  }),
}))
const { event: taskEvent, eventRef, snapshotRef } = taskEvents
const interfaces = [taskEvent]
const errorOf = ({ payload }: EventSource): FailureState => payload['error'] as FailureState
const itemOf = ({ payload }: EventSource): TaskItem => payload['item'] as TaskItem
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

snapshotRef('TaskSnapshot').implement({
  description: 'The whole present state, in place of events: begin anew from it.',
  interfaces,
  fields: (t) => ({
    task: t.field({
      type: taskRef,
      description: 'The task as it is at `cursor`.',
      resolve: (event) => promised(event.snapshot, event),
    }),
  }),
})
eventRef('TaskQueued').implement({
  description: 'The task was put in line.',
  interfaces,
  fields: (t) => ({
    queue: t.field({
      type: queuePlace,
      nullable: true,
      description: 'Where it stood in line, where that was known; TaskQueueMoved tells the place as it moves.',
      resolve: ({ place }) => place ?? null,
    }),
  }),
})
eventRef('TaskQueueMoved').implement({
  description: 'The place in the queue has changed. Passing: only the newest counts, and it is not in the history.',
  interfaces,
  fields: (t) => ({
    queue: t.field({
      type: queuePlace,
      description: 'The place now.',
      resolve: (event) => promised(event.place, event),
    }),
  }),
})
eventRef('TaskStarted').implement({
  description: 'A worker has begun an attempt. `percent` begins anew; items that were completed stay so.',
  interfaces,
  fields: (t) => ({
    attempt: t.int({ description: '1 for the first.', resolve: ({ payload }) => numberOf(payload['attempt']) }),
  }),
})
eventRef('TaskAdvanced').implement({
  description: 'The progress has changed; its newest value is all that counts.',
  interfaces,
})
eventRef('TaskItemsAdded').implement({
  description: 'Parts that have a state of their own were added.',
  interfaces,
  fields: (t) => ({
    items: t.field({
      type: [taskItem],
      description: 'The new ones, to be put behind those already known.',
      resolve: ({ payload }) => (Array.isArray(payload['items']) ? (payload['items'] as TaskItem[]) : []),
    }),
  }),
})
eventRef('TaskItemStarted').implement({
  description: 'A part is being worked on.',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part.', resolve: itemOf }) }),
})
eventRef('TaskItemCompleted').implement({
  description: 'A part is done (or was not necessary: SKIPPED).',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part.', resolve: itemOf }) }),
})
eventRef('TaskItemFailed').implement({
  description: 'A part failed for good; the others go on.',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part, with its error.', resolve: itemOf }) }),
})
eventRef('TaskBatchCompleted').implement({
  description: 'Every part has come to an end; a page may fetch now what it shows.',
  interfaces,
})
eventRef('TaskOutput').implement({
  description:
    'A piece of text as it is produced; `offset` counts UTF-16 code units from the start of this attempt’s stream.',
  interfaces,
  fields: (t) => ({
    stream: t.string({
      description: 'Which output; for content of a concept, the item’s key.',
      resolve: ({ payload }) => String(payload['stream']),
    }),
    offset: t.int({
      description: 'Where it stands in its stream.',
      resolve: ({ payload }) => numberOf(payload['offset']),
    }),
    text: t.string({
      description: 'The piece; put together, the pieces are the whole.',
      resolve: ({ payload }) => String(payload['text']),
    }),
  }),
})
eventRef('TaskRetrying').implement({
  description: 'An attempt failed in a way that may pass, or its worker was lost; the next one follows by itself.',
  interfaces,
  fields: (t) => ({
    error: t.field({ type: taskError, description: 'Why.', resolve: errorOf }),
    attempt: t.int({
      description: 'The attempt that follows.',
      resolve: ({ payload }) => numberOf(payload['attempt']),
    }),
    nextAttemptAt: t.field({
      type: 'DateTime',
      description: 'Not before this instant.',
      resolve: ({ payload, at }) => (typeof payload['nextAttemptAt'] === 'string' ? payload['nextAttemptAt'] : at),
    }),
  }),
})
eventRef('TaskCompleted').implement({
  description: 'The task is done. The subscription completes after this event.',
  interfaces,
  fields: (t) => ({
    result: t.field({
      type: taskResult,
      nullable: true,
      description: 'What it produced; null for kinds that produce nothing.',
      resolve: ({ payload }) => toResult((payload['result'] ?? null) as JsonObject | null),
    }),
  }),
})
eventRef('TaskFailed').implement({
  description: 'The task failed for good. The subscription completes after this event.',
  interfaces,
  fields: (t) => ({ error: t.field({ type: taskError, description: 'Why, and what can be done.', resolve: errorOf }) }),
})
eventRef('TaskCanceled').implement({
  description: 'The task was canceled. The subscription completes after this event.',
  interfaces,
  fields: (t) => ({
    reason: t.string({
      nullable: true,
      description: 'What was given as the reason.',
      resolve: ({ payload }) => (typeof payload['reason'] === 'string' ? payload['reason'] : null),
    }),
  }),
})

const taskEventConnection = defineConnection<EventSource>('TaskEvent', taskEvent)

/** The log of a task, in pages. @throws TidingsError `BAD_CURSOR`, `BAD_INPUT` */
async function readPage(
  task: Task,
  after: string | null | undefined,
  first: number | null | undefined,
  reader: LogReader,
): Promise<Page<EventSource>> {
  const topic = taskTopic(task.id)
  const size = pageSize(first, 100, 1_000)
  const cursor = after === null || after === undefined ? undefined : parseCursor(after, topic)
  const from = cursor?.epoch === reader.epoch ? cursor.seq : 0
  const events = await reader.read(topic, from, size + 1)
  const cursorOf = createCursorFormat(reader.epoch, topic)
  return {
    edges: events.slice(0, size).map((event) => {
      const node = toEventSource(event, task.id, cursorOf)
      return { cursor: node.cursor, node }
    }),
    hasNextPage: events.length > size,
    hasPreviousPage: from > 0,
  }
}

builder.objectField(taskRef, 'events', (t) =>
  t.field({
    type: taskEventConnection,
    description: 'Its history, oldest first; what is no longer kept is left out.',
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of an event: what follows it.' }),
      first: t.arg.int({ defaultValue: 100, description: 'At most this many, up to 1,000.' }),
    },
    resolve: ({ task }, { after, first }, { engine }) => readPage(task, after, first, engine.reader),
  }),
)
