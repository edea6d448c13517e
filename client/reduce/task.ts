import type { TaskStatus } from '../gql/graphql.ts'
import { ignoreUnknown, isNewerSnapshot } from './fold.ts'
import {
  firstItems,
  itemPageSize,
  type TaskEvent,
  type TaskItem,
  type TaskOutputText,
  type TaskState,
  unknownTask,
} from './task-state.ts'

type EventOf<Name extends TaskEvent['__typename']> = Extract<TaskEvent, { readonly __typename: Name }>

/**
 * Whether a task with this status is finished.
 * @example
 * const unfinished = tasks.filter(({ status }) => !isFinalStatus(status))
 */
export function isFinalStatus(status: TaskStatus): boolean {
  return status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELED'
}

/**
 * Folds one event into the state of its task. Pure: the same events give the same state, no matter
 * how they were split, repeated or resumed.
 *
 * An event that is not newer than the state changes nothing, and the same object is returned. A
 * snapshot replaces everything. For an event of a type that this client does not know, only the
 * fields common to all events are folded: status and progress.
 *
 * @param state - undefined before the first event
 * @example
 * let state: TaskState | undefined
 * for await (const event of client.watchTask(taskId)) state = reduceTask(state, event)
 */
export function reduceTask(state: TaskState | undefined, event: TaskEvent): TaskState {
  const before = state ?? unknownTask(event.taskId)
  if (event.__typename === 'TaskSnapshot') return isNewerSnapshot(before, event) ? foldSnapshot(before, event) : before
  // The queue position is ephemeral: it repeats the number of the event before it, and the newest
  // update counts.
  if (event.__typename === 'TaskQueueMoved') {
    if (event.seq < before.seq || before.isOver) return before
    return { ...foldCommon(before, event), queue: event.status === 'QUEUED' ? event.queue : null }
  }
  return event.seq > before.seq ? foldDetails(foldCommon(before, event), event) : before
}

/**
 * Adds the next page of items: the result of the query `TaskItems` after the last item of a state. Pure.
 *
 * The page has every change before the request. So add it to the state that was current when the request was sent, and then fold the
 * events received since then.
 * @example
 * const { data } = await client.urql.query(TaskItemsDocument, { id: state.id, afterKey: [...state.items.keys()].at(-1) ?? null })
 * const next = addItems(state, data?.task?.items ?? [])
 */
export function addItems(state: TaskState, page: readonly TaskItem[]): TaskState {
  return { ...state, items: putItems(state.items, page), maxItems: state.maxItems + itemPageSize }
}

/**
 * Folds several events, in order. Returns undefined when there is neither a state nor an event.
 * @example
 * const state = reduceTaskEvents(undefined, await Array.fromAsync(client.watchTask(taskId, { fromStart: true })))
 */
export function reduceTaskEvents(state: TaskState | undefined, events: Iterable<TaskEvent>): TaskState | undefined {
  let now = state
  for (const event of events) now = reduceTask(now, event)
  return now
}

function foldSnapshot(before: TaskState, event: EventOf<'TaskSnapshot'>): TaskState {
  const { task, seq, at, cursor, status, progress, reason } = event
  return {
    id: task.id,
    kind: task.kind,
    status,
    isOver: isFinalStatus(status),
    progress,
    items: new Map(task.items.map((item) => [item.key, item])),
    maxItems: Math.max(firstItems, task.items.length),
    outputs: new Map(task.outputs.map(({ stream, text }) => [stream, { text, startsAt: 0 }])),
    queue: task.queue,
    attempt: task.attempt,
    maxAttempts: task.maxAttempts,
    error: task.error,
    nextAttemptAt: task.nextAttemptAt,
    cancelReason: task.cancelReason,
    result: task.result,
    cursor,
    seq,
    at,
    resetCursor: reason === 'RESET' ? cursor : before.resetCursor,
  }
}

/** Folds the fields common to all events. */
function foldCommon(before: TaskState, { status, progress, cursor, seq, at }: TaskEvent): TaskState {
  return {
    ...before,
    status,
    isOver: isFinalStatus(status),
    progress,
    items: status === 'RUNNING' ? before.items : laidDown(before.items),
    queue: status === 'QUEUED' ? before.queue : null,
    nextAttemptAt: status === 'RETRYING' ? before.nextAttemptAt : null,
    cursor,
    seq,
    at,
  }
}

/** Folds the fields specific to the event's type; `state` contains the common ones already. */
function foldDetails(
  state: TaskState,
  event: Exclude<TaskEvent, EventOf<'TaskSnapshot' | 'TaskQueueMoved'>>,
): TaskState {
  switch (event.__typename) {
    case 'TaskQueued':
      return { ...state, queue: event.queue }
    case 'TaskStarted':
      return beginAttempt(state, event.attempt)
    case 'TaskItemsAdded':
      return { ...state, items: putItems(state.items, fitItems(state, event.items)) }
    case 'TaskItemStarted':
    case 'TaskItemCompleted':
    case 'TaskItemFailed':
      return { ...state, items: putItems(state.items, fitItems(state, [event.item])) }
    case 'TaskOutput':
      return { ...state, outputs: putOutput(state.outputs, event) }
    case 'TaskRetrying':
      return { ...state, error: event.error, nextAttemptAt: event.nextAttemptAt }
    case 'TaskCompleted':
      return { ...state, result: event.result, error: null }
    case 'TaskFailed':
      return { ...state, error: event.error }
    case 'TaskCanceled':
      return { ...state, cancelReason: event.cancelReason }
    case 'TaskAdvanced':
    case 'TaskBatchCompleted':
      return state
    default:
      return ignoreUnknown(event, state)
  }
}

/** Starts an attempt: keeps the items that earlier attempts completed, and resets the others. */
function beginAttempt(state: TaskState, attempt: number): TaskState {
  const items = new Map<string, TaskItem>()
  for (const item of state.items.values())
    items.set(
      item.key,
      item.status === 'COMPLETED' || item.status === 'SKIPPED'
        ? item
        : { ...item, status: 'PENDING', percent: 0, error: null },
    )
  return { ...state, attempt, items, outputs: new Map(), error: null }
}

/** Resets running items: no item is in progress while the task is not running. */
function laidDown(items: ReadonlyMap<string, TaskItem>): ReadonlyMap<string, TaskItem> {
  if (![...items.values()].some(({ status }) => status === 'RUNNING')) return items
  return new Map(
    [...items].map(([key, item]) => [key, item.status === 'RUNNING' ? { ...item, status: 'PENDING' } : item]),
  )
}

/**
 * Returns the items of an event that belong to the loaded pages: known ones, and new ones that directly follow the known ones, up to
 * the maximum. Others are only counted, in `progress`: a page that is loaded later has their state. So the cost of an event depends
 * on the loaded pages and not on the number of items.
 */
function fitItems(
  { items, maxItems, progress: { totalItems } }: TaskState,
  changed: readonly TaskItem[],
): readonly TaskItem[] {
  // All items fit, also of a state whose beginning is unknown.
  if (totalItems <= maxItems) return changed
  const newItems = changed.filter(({ key }) => !items.has(key))
  // The event's own new items are the last ones of the task.
  const isNext = items.size + newItems.length === totalItems
  const rest = isNext ? newItems.slice(0, Math.max(0, maxItems - items.size)) : []
  return [...changed.filter(({ key }) => items.has(key)), ...rest]
}

/** Known items keep their position; new ones are appended. */
function putItems(
  items: ReadonlyMap<string, TaskItem>,
  changedItems: readonly TaskItem[],
): ReadonlyMap<string, TaskItem> {
  if (changedItems.length === 0) return items
  const after = new Map(items)
  for (const item of changedItems) after.set(item.key, item)
  return after
}

function putOutput(
  outputs: ReadonlyMap<string, TaskOutputText>,
  { stream, offset, text }: EventOf<'TaskOutput'>,
): ReadonlyMap<string, TaskOutputText> {
  const existing = outputs.get(stream) ?? { text: '', startsAt: offset }
  const end = existing.startsAt + existing.text.length
  // A gap cannot be filled: the known text starts after it.
  const output =
    offset > end || offset < existing.startsAt
      ? { text, startsAt: offset }
      : { startsAt: existing.startsAt, text: existing.text.slice(0, offset - existing.startsAt) + text }
  return new Map(outputs).set(stream, output)
}
