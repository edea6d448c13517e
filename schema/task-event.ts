import type { JsonObject } from '../src/db/tables.ts'
import { createCursorFormat } from '../src/log/cursor.ts'
import type { LogEvent } from '../src/log/event.ts'
import type { QueuePlace } from '../src/tasks/place.ts'
import { isFinal, type TaskStatus, taskTopic } from '../src/tasks/task.ts'
import type { Watched } from '../src/tasks/watch.ts'
import { builder } from './builder.ts'
import { progress, progressOf } from './progress.ts'
import type { TaskSource } from './refs.ts'
import { progressOfTask, taskStatus } from './task.ts'
import { defineTopicEvents, type TopicEvent } from './topic-event.ts'

/** What an event of a task is resolved from. */
export interface EventSource extends TopicEvent {
  readonly taskId: string
  readonly status: TaskStatus
  readonly payload: JsonObject
  readonly snapshot?: TaskSource
  readonly place?: QueuePlace
}

/** Turns what a watcher is handed into events of the API. One for each task and stream. */
export function createEventReader(log: { readonly epoch: string }, taskId: string): (watched: Watched) => EventSource {
  const cursorOf = createCursorFormat(log, taskTopic(taskId))
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
