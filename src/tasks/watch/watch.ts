import { createWakeUp, interruptible } from '../../async/interruptible.ts'
import { isTidingsError } from '../../errors.ts'
import { parseCursor } from '../../log/cursor.ts'
import type { Feeds } from '../../log/feed.ts'
import { type Followed, follow } from '../../log/follow.ts'
import type { LogReader } from '../../log/read.ts'
import type { TaskSnapshotState, TaskStore } from '../model/store.ts'
import { lastEventTypes, type TaskStatus, taskTopic } from '../model/task.ts'
import type { QueuePosition, QueuePositions } from '../queue/positions.ts'

/**
 * An event or snapshot of a followed task: the contents of the log and, while the task waits,
 * changes of its queue position.
 */
export type Watched =
  | Followed<TaskSnapshotState>
  | { readonly is: 'queueMoved'; readonly seq: number; readonly at: string; readonly place: QueuePosition }

/** The position from which a task is followed. See `Subscription.taskProgress`. */
export interface WatchOptions {
  readonly taskId: string
  readonly kind: string
  readonly after?: string | undefined
  readonly fromStart?: boolean | undefined
  readonly catchUpOnly?: boolean
}

/**
 * Follows a task: {@link follow} on its topic, merged with changes of its queue position while it
 * waits. A change repeats the seq of the event before it, as it is an ephemeral event and not in
 * the log.
 */
export function watchTask(
  {
    reader,
    feeds,
    store,
    queuePositions,
  }: {
    readonly reader: LogReader
    readonly feeds: Feeds
    readonly store: TaskStore
    readonly queuePositions: QueuePositions
  },
  { taskId, kind, after, fromStart, catchUpOnly = false }: WatchOptions,
): AsyncIterableIterator<Watched, undefined> & AsyncDisposable {
  const followed = follow(
    { reader, feeds },
    {
      topic: taskTopic(taskId),
      after,
      fromStart,
      catchUpOnly,
      snapshot: () => store.snapshot(taskId),
      isLast: ({ type }) => lastEventTypes.has(type),
    },
  )
  // Polling clients read the queue position with the task; only subscribers receive changes.
  return catchUpOnly
    ? followed
    : interruptible((signal) =>
        layIn(
          followed,
          (listener) => queuePositions.watch({ id: taskId, kind }, listener),
          resumedAt(after, taskId, reader.epoch),
          signal,
        ),
      )
}

/**
 * Returns the seq after which a subscriber resumes; 0 for one that first receives a snapshot. An
 * invalid cursor is rejected by {@link follow}.
 */
function resumedAt(after: string | undefined, taskId: string, epoch: string): number {
  if (after === undefined) return 0
  try {
    const cursor = parseCursor(after, taskTopic(taskId))
    return cursor.epoch === epoch ? cursor.seq : 0
  } catch (error) {
    if (isTidingsError(error, 'BAD_CURSOR')) return 0
    throw error
  }
}

async function* layIn(
  followed: AsyncIterableIterator<Followed<TaskSnapshotState>, undefined>,
  watchPlace: (listener: (place: QueuePosition) => void) => () => void,
  startSeq: number,
  signal: AbortSignal,
): AsyncGenerator<Watched, void, undefined> {
  const wakeUp = createWakeUp(signal)
  let step: IteratorResult<Followed<TaskSnapshotState>, undefined> | undefined
  let failure: { readonly error: unknown } | undefined
  const pull = (): void => {
    step = undefined
    followed.next().then(
      (result) => {
        step = result
        wakeUp.set()
      },
      (error: unknown) => {
        failure = { error }
        wakeUp.set()
      },
    )
  }
  let place: QueuePosition | undefined
  let stopPlace: (() => void) | undefined
  let seq = startSeq
  const heed = (status: TaskStatus): void => {
    if (status === 'QUEUED')
      stopPlace ??= watchPlace((moved) => {
        place = moved
        wakeUp.set()
      })
    else {
      stopPlace?.()
      stopPlace = undefined
      place = undefined
    }
  }
  try {
    // A resuming subscriber receives no snapshot, so QUEUED is assumed; a task that is not waiting
    // has no queue position, so nothing is emitted for it.
    if (startSeq > 0) heed('QUEUED')
    pull()
    while (!signal.aborted) {
      if (failure !== undefined) throw failure.error
      if (step?.done) return
      if (step !== undefined) {
        const { value } = step
        seq = value.is === 'event' ? value.event.seq : value.seq
        heed(value.is === 'event' ? (value.event.payload['status'] as TaskStatus) : value.state.task.status)
        pull()
        yield value
      } else if (place !== undefined && seq > 0) {
        const moved = place
        place = undefined
        yield { is: 'queueMoved', seq, at: new Date().toISOString(), place: moved }
      } else await wakeUp.wait()
    }
  } finally {
    stopPlace?.()
    await followed.return?.()
  }
}
