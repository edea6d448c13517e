import type { JsonObject } from '../../src/db/tables.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { TopicUpdate } from '../../src/log/follow.ts'
import type { TaskSnapshotState } from '../../src/tasks/model/store.ts'
import { type FailureState, isFinal, type Task, type TaskStatus } from '../../src/tasks/model/task.ts'
import type { QueuePosition } from '../../src/tasks/queue/positions.ts'
import type { Context } from '../kit/context.ts'
import type { Kit } from '../kit/kit.ts'
import type { TaskSource } from '../kit/task-ref.ts'
import { type EventPosition, promised, type TopicEvent } from '../kit/topic-event.ts'
import { type ProgressTypes, progressOf } from './progress.ts'
import { progressOfTask, type TaskTypes } from './task.ts'

/** The source of a task event. */
export interface EventSource extends TopicEvent {
  readonly taskId: string
  readonly status: TaskStatus
  readonly payload: JsonObject
  readonly snapshot?: TaskSource
  readonly queuePosition?: QueuePosition
  /**
   * The task as it was when the subscription started, for a terminal event of a task that has been
   * deleted.
   */
  readonly earlier?: Task | undefined
}

/**
 * Converts an update of a topic to an event of the API.
 *
 * @param task - the task when the subscription started
 */
export function readTaskEvent(
  update: TopicUpdate<TaskSnapshotState>,
  position: EventPosition,
  task: Task,
): EventSource {
  if (update.is === 'event') {
    const source = toEventSource(update.event, task.id, position)
    return isFinal(source.status) ? { ...source, earlier: task } : source
  }
  const { reason, state } = update
  const { status } = state.task
  return { ...position, type: 'TaskSnapshot', taskId: task.id, status, payload: {}, reason, snapshot: state }
}

/** Creates the event of a changed queue position. A task waits only before it starts, so its progress has not changed. */
export function readQueueMoved(
  queuePosition: QueuePosition,
  position: EventPosition,
  { id, progress }: Task,
): EventSource {
  const payload = { progress: { ...progress } }
  return { ...position, type: 'TaskQueueMoved', taskId: id, status: 'QUEUED', payload, queuePosition }
}

/** Converts an event of the log to an event of the API. */
export function toEventSource({ type, payload }: LogEvent, taskId: string, position: EventPosition): EventSource {
  return { ...position, type, taskId, status: payload['status'] as TaskStatus, payload }
}

/**
 * The tasks of terminal events. Cached because graphql executes an event a second time when its
 * compiled execution meets a promise.
 */
const tasksAfter = new WeakMap<EventSource, Promise<TaskSource>>()

/** Returns the task after its terminal event. Read when a client selects it: once per event and subscription group. */
export function taskAfter(event: EventSource, context: Pick<Context, 'engine'>): Promise<TaskSource> {
  const existing = tasksAfter.get(event)
  if (existing !== undefined) return existing
  const task = readTaskAfter(event, context)
  tasksAfter.set(event, task)
  // A temporary failure is not cached: the event may be executed again.
  task.catch(() => tasksAfter.delete(event))
  return task
}

/** Rebuilds a deleted task from the event and its earlier state, because an event must not fail. */
async function readTaskAfter(event: EventSource, { engine }: Pick<Context, 'engine'>): Promise<TaskSource> {
  const { taskId, status, seq, at, payload, earlier } = event
  const snapshot = await engine.store.snapshot(taskId)
  if (snapshot !== null) return snapshot.state
  const previousTask = promised(earlier, event)
  const task = {
    ...previousTask,
    status,
    seq,
    progress: progressOf(payload['progress']),
    error: (payload['error'] ?? null) as FailureState | null,
    result: (payload['result'] ?? null) as JsonObject | null,
    cancelReason: typeof payload['reason'] === 'string' ? payload['reason'] : null,
    nextAttemptAt: null,
    finishedAt: new Date(at),
  }
  return { task, items: [], hasInput: false }
}

/** Adds `TaskEvent`; `addTaskEventTypes` adds its types. */
export function addTaskEvents(
  { builder, defineTopicEvents }: Kit,
  { progress, taskStatus }: ProgressTypes & TaskTypes,
) {
  const taskEvents = defineTopicEvents<EventSource>('TaskEvent', {
    description: 'An event of a task. New event types may be added: select `__typename` and keep a default branch.',
    seq: '1, 2, 3 … without gaps. Ephemeral events (TaskSnapshot, TaskQueueMoved) repeat the last number.',
    // Every event contains the status and the progress after it.
    unknown: 'TaskAdvanced',
  })
  builder.interfaceFields(taskEvents.event, (t) => ({
    taskId: t.exposeID('taskId', { description: 'The task.' }),
    status: t.field({
      type: taskStatus,
      description: 'The task’s status after this event.',
      resolve: ({ status }) => status,
    }),
    progress: t.field({
      type: progress,
      description: 'The task’s progress after this event.',
      resolve: ({ at, status, payload, snapshot }) => {
        if (snapshot !== undefined) return progressOfTask(snapshot.task)
        const atMs = Date.parse(at)
        return { state: progressOf(payload['progress']), atMs, writtenAtMs: isFinal(status) ? null : atMs }
      },
    }),
  }))
  return taskEvents
}

/** `TaskEvent`, and what adds its types. */
export type TaskEvents = ReturnType<typeof addTaskEvents>
