import type { TaskStatus } from '../../../client/gql/graphql.ts'
import { isFinalStatus } from '../../../client/reduce/task.ts'
import {
  firstItems,
  type TaskError,
  type TaskEvent,
  type TaskItem,
  type TaskProgress,
} from '../../../client/reduce/task-state.ts'

/** One thing that may happen to a task; steps that do not fit its state are skipped. */
export type Step =
  | { readonly do: 'start' }
  | { readonly do: 'cancel' }
  | { readonly do: 'move' }
  | { readonly do: 'retry' | 'batch' | 'complete' | 'fail' }
  | { readonly do: 'advance'; readonly percent: number }
  | { readonly do: 'declare'; readonly count: number }
  | { readonly do: 'item'; readonly index: number; readonly status: 'RUNNING' | 'COMPLETED' | 'SKIPPED' | 'FAILED' }
  | { readonly do: 'output'; readonly stream: number; readonly text: string }

/** The deliveries of a server for one task: its events, and the snapshot after each of them. */
export interface History {
  /** Index 0 has seq 1. */
  readonly events: readonly TaskEvent[]
  /** Index is the seq. */
  snapshotAt(seq: number, reason?: 'SUBSCRIBED' | 'PRUNED' | 'LAGGED' | 'RESET'): TaskEvent
  /** All items of the task after an event. */
  itemsAt(seq: number): readonly TaskItem[]
  /** Changes of the queue position, each with the seq that it repeats. */
  readonly moves: readonly TaskEvent[]
}

const id = 'task_1'
const error: TaskError = { code: 'PROVIDER_BUSY', message: 'Busy.', retryable: true, advice: null }
const at = (seq: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, seq)).toISOString()
const cursorOf = (seq: number): string => `c${seq}`

/**
 * Plays steps as the engine would (src/tasks), written independently of the reducer: a row that
 * changes, and a log.
 */
export function playHistory(steps: readonly Step[]): History {
  const items: TaskItem[] = []
  let streams: { stream: string; text: string }[] = []
  let status: TaskStatus = 'QUEUED'
  let attempt = 0
  let percent = 0
  let place = 4
  let lastError: TaskError | null = null
  let nextAttemptAt = ''
  let isCanceled = false
  const events: TaskEvent[] = []
  const moves: TaskEvent[] = []
  const itemsAfter: (readonly TaskItem[])[] = []
  const snapshots: ((reason: 'SUBSCRIBED' | 'PRUNED' | 'LAGGED' | 'RESET') => TaskEvent)[] = []

  const progress = (): TaskProgress => ({
    percent,
    stage: status === 'QUEUED' ? null : 'generating',
    stagePercent: null,
    message: null,
    completedItems: items.filter((item) => item.status === 'COMPLETED' || item.status === 'SKIPPED').length,
    failedItems: items.filter((item) => item.status === 'FAILED').length,
    totalItems: items.length,
    elapsedMs: 0,
    remainingMs: null,
  })
  const queue = () => (status === 'QUEUED' ? { position: place, waiting: 9, estimatedWaitMs: null } : null)
  const common = (seq: number) => ({
    taskId: id,
    seq,
    cursor: cursorOf(seq),
    at: at(seq),
    status,
    progress: progress(),
  })
  const remember = (): void => {
    const seq = events.length
    const task = {
      id,
      kind: 'CREATE_ROADMAP' as const,
      status,
      attempt: Math.max(1, attempt),
      maxAttempts: 5,
      nextAttemptAt: status === 'RETRYING' ? nextAttemptAt : null,
      cursor: cursorOf(seq),
      cancelReason: isCanceled ? 'enough' : null,
      progress: progress(),
      items: items.slice(0, firstItems),
      outputs: streams.map((stream) => ({ ...stream })),
      queue: queue(),
      error: lastError,
      result:
        status === 'COMPLETED'
          ? { __typename: 'DocumentConverted' as const, documentId: 'd', sectionCount: 1, wordCount: 2 }
          : null,
    }
    itemsAfter[seq] = [...items]
    const told = common(seq)
    snapshots[seq] = (reason) => ({ __typename: 'TaskSnapshot', ...told, reason, task })
  }
  const tell = (make: (told: ReturnType<typeof common>) => TaskEvent): void => {
    // No item or stage is active in a task that is not running.
    if (status !== 'RUNNING')
      for (const [index, item] of items.entries())
        if (item.status === 'RUNNING') items[index] = { ...item, status: 'PENDING' }
    events.push(make(common(events.length + 1)))
    remember()
  }

  tell((told) => ({ __typename: 'TaskQueued', ...told, queue: queue() }))
  for (const step of steps) {
    if (isFinalStatus(status)) break
    if (step.do === 'cancel') {
      status = 'CANCELED'
      isCanceled = true
      tell((told) => ({ __typename: 'TaskCanceled', ...told, cancelReason: 'enough' }))
    } else if (step.do === 'move') {
      if (status !== 'QUEUED' || place === 1) continue
      place--
      const told = common(events.length)
      moves.push({
        __typename: 'TaskQueueMoved',
        ...told,
        queue: { position: place, waiting: 9, estimatedWaitMs: null },
      })
      remember()
    } else if (step.do === 'start') {
      if (status === 'RUNNING') continue
      status = 'RUNNING'
      attempt++
      percent = 0
      lastError = null
      streams = []
      for (const [index, item] of items.entries())
        if (item.status !== 'COMPLETED' && item.status !== 'SKIPPED')
          items[index] = { ...item, status: 'PENDING', percent: 0, error: null }
      const begun = attempt
      tell((told) => ({ __typename: 'TaskStarted', ...told, attempt: begun }))
    } else if (status === 'RUNNING') {
      const make = work(step)
      if (make !== undefined) tell(make)
    }
  }
  return {
    events,
    moves,
    itemsAt: (seq) => itemsAfter[seq] ?? [],
    snapshotAt(seq, reason = 'SUBSCRIBED') {
      const snapshot = snapshots[seq]
      if (snapshot === undefined) throw new RangeError(`There is no event ${seq}`)
      return snapshot(reason)
    },
  }

  function work(
    step: Exclude<Step, { do: 'start' | 'cancel' | 'move' }>,
  ): ((told: ReturnType<typeof common>) => TaskEvent) | undefined {
    switch (step.do) {
      case 'advance':
        percent = Math.max(percent, step.percent)
        return (told) => ({ __typename: 'TaskAdvanced', ...told })
      case 'declare': {
        const added = Array.from({ length: step.count }, (_, index): TaskItem => {
          const key = `i${items.length + index}`
          return { key, label: key.toUpperCase(), status: 'PENDING', percent: 0, error: null }
        })
        items.push(...added)
        return (told) => ({ __typename: 'TaskItemsAdded', ...told, items: added })
      }
      case 'item': {
        const index = step.index % Math.max(1, items.length)
        const known = items[index]
        if (known === undefined) return undefined
        const { status: itemStatus } = step
        const item: TaskItem = {
          ...known,
          status: itemStatus,
          percent: itemStatus === 'RUNNING' ? 0 : 100,
          error: itemStatus === 'FAILED' ? error : null,
        }
        items[index] = item
        if (itemStatus === 'RUNNING') return (told) => ({ __typename: 'TaskItemStarted', ...told, item })
        if (itemStatus === 'FAILED') return (told) => ({ __typename: 'TaskItemFailed', ...told, item })
        return (told) => ({ __typename: 'TaskItemCompleted', ...told, item })
      }
      case 'output': {
        const stream = `s${step.stream}`
        const known = streams.find((one) => one.stream === stream)
        const offset = known?.text.length ?? 0
        if (known === undefined) streams.push({ stream, text: step.text })
        else known.text += step.text
        return (told) => ({ __typename: 'TaskOutput', ...told, stream, offset, text: step.text })
      }
      case 'batch':
        return (told) => ({ __typename: 'TaskBatchCompleted', ...told })
      case 'retry':
        status = 'RETRYING'
        lastError = error
        nextAttemptAt = at(events.length + 60)
        return (told) => ({
          __typename: 'TaskRetrying',
          ...told,
          attempt: attempt + 1,
          nextAttemptAt,
          error,
        })
      case 'fail':
        status = 'FAILED'
        lastError = error
        return (told) => ({ __typename: 'TaskFailed', ...told, error })
      case 'complete':
        status = 'COMPLETED'
        percent = 100
        return (told) => ({
          __typename: 'TaskCompleted',
          ...told,
          result: { __typename: 'DocumentConverted', documentId: 'd', sectionCount: 1, wordCount: 2 },
        })
    }
  }
}
