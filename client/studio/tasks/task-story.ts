import type { TaskProgressSubscription } from '../../gql/graphql.ts'
import { ignoreUnknown, type TaskEvent } from '../../index.ts'
import { describeName } from '../../react/index.ts'

/** The meaning of a span of the time line. */
type SpanKind = 'wait' | 'attempt' | 'stage' | 'item'
/** How a span ended; `open` while it has not. */
type SpanOutcome = 'open' | 'completed' | 'failed' | 'canceled' | 'lost' | 'handed-over'

/** A part of the time line of a task. Times are milliseconds since 1970, by the clock of the server. */
export interface Span {
  readonly key: string
  readonly kind: SpanKind
  readonly label: string
  /** The attempt that it belongs to; of a wait, the attempt that it precedes. */
  readonly attempt: number
  readonly startedAt: number
  /** Null while it is open. */
  readonly finishedAt: number | null
  readonly outcome: SpanOutcome
}

/** An event as the log of the page shows it. */
export interface LogEntry {
  /** Unique within a story. */
  readonly key: number
  readonly seq: number
  readonly type: string
  /** RFC 3339. */
  readonly at: string
  /** The fields that the event has beside those of all events. */
  readonly payload: Readonly<Record<string, unknown>>
}

/** The history of one task, folded from its events since the start. */
export interface TaskStory {
  /** In the order in which they began. */
  readonly spans: ReadonlyMap<string, Span>
  /** The latest events, oldest first. At most {@link maxEntries}. */
  readonly entries: readonly LogEntry[]
  /** The number of events so far, including those that are no longer among the entries. */
  readonly eventCount: number
  /** Whether items began after the time line was full; they are not among the spans. */
  readonly hasMoreItems: boolean
  /** Whether earlier events are missing, since they are no longer stored. */
  readonly isPartial: boolean
  readonly attempt: number
  readonly stage: string | null
  readonly seq: number
  /** When the last event happened, in milliseconds since 1970; null before the first. */
  readonly lastAt: number | null
}

/** The maximum number of events that a story keeps. */
export const maxEntries = 500
/** The maximum number of items on the time line: more are not distinguishable, and each event copies the spans. */
export const maxItemSpans = 200

const emptyStory: TaskStory = {
  spans: new Map(),
  entries: [],
  eventCount: 0,
  hasMoreItems: false,
  isPartial: false,
  attempt: 0,
  stage: null,
  seq: 0,
  lastAt: null,
}

/** Folds `taskProgress(fromStart: true)` for {@link useLive}. */
export function reduceTaskStory(state: TaskStory | undefined, { taskProgress }: TaskProgressSubscription): TaskStory {
  return foldEvent(state ?? emptyStory, taskProgress)
}

/** Folds one event into the history of its task. Pure. Returns the same object for an event that is not newer. */
export function foldEvent(before: TaskStory, event: TaskEvent): TaskStory {
  const { __typename: type, seq } = event
  const at = Date.parse(event.at)
  if (type === 'TaskSnapshot') return foldSnapshot(before, event, at)
  if (type === 'TaskQueueMoved') return seq < before.seq ? before : log(before, event)
  if (seq <= before.seq) return before
  const story = { ...log(before, event), seq, lastAt: at }
  switch (type) {
    case 'TaskQueued':
      return open(story, { kind: 'wait', key: 'wait:1', label: 'In the queue', attempt: 1 }, at)
    case 'TaskStarted': {
      // A lost worker ends no attempt by an event of its own.
      const closedStory = close(
        close(story, at, 'lost', ({ kind }) => kind !== 'wait'),
        at,
        'completed',
      )
      const { attempt } = event
      return foldStage(
        open(
          { ...closedStory, attempt, stage: null },
          { kind: 'attempt', key: `attempt:${attempt}`, label: `Attempt ${attempt}`, attempt },
          at,
        ),
        event,
        at,
      )
    }
    case 'TaskItemStarted':
      return openItem(foldStage(story, event, at), event.item, at)
    case 'TaskItemCompleted':
    case 'TaskItemFailed': {
      const stagedStory = foldStage(story, event, at)
      const key = itemKey(stagedStory, event.item)
      const outcome = type === 'TaskItemFailed' ? 'failed' : 'completed'
      const started = stagedStory.spans.has(key) ? stagedStory : openItem(stagedStory, event.item, at)
      return close(started, at, outcome, (span) => span.key === key)
    }
    case 'TaskRetrying': {
      const closedStory = close(story, at, event.error.code === 'WORKER_LOST' ? 'lost' : 'failed')
      const attempt = Math.max(event.attempt, closedStory.attempt + 1)
      const wait = { kind: 'wait', key: `wait:${attempt}`, label: `Before attempt ${attempt}`, attempt } as const
      return open({ ...closedStory, stage: null }, wait, at)
    }
    case 'TaskCompleted':
      return close(story, at, 'completed')
    case 'TaskFailed':
      return close(story, at, 'failed')
    case 'TaskCanceled':
      return close(story, at, 'canceled')
    case 'TaskAdvanced':
    case 'TaskBatchCompleted':
    case 'TaskItemsAdded':
    case 'TaskOutput':
      return foldStage(story, event, at)
    default:
      return ignoreUnknown(event, story)
  }
}

/** A snapshot replaces events that cannot be replayed. After a reset of the log the earlier ones may not have happened. */
function foldSnapshot(
  before: TaskStory,
  event: Extract<TaskEvent, { __typename: 'TaskSnapshot' }>,
  at: number,
): TaskStory {
  const { seq, task, status, reason } = event
  if (seq < before.seq && reason !== 'RESET') return before
  const base = reason === 'RESET' ? { ...emptyStory, eventCount: before.eventCount } : before
  // A slow connection misses events that are stored nevertheless.
  const story = { ...log(base, event), seq, lastAt: at, isPartial: base.isPartial || reason !== 'LAGGED' }
  if (status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELED')
    return close(story, at, status === 'COMPLETED' ? 'completed' : status === 'FAILED' ? 'failed' : 'canceled')
  const { attempt } = task
  if (status !== 'RUNNING')
    return { ...close(story, at, 'failed', ({ kind }) => kind !== 'wait'), attempt, stage: null }
  if (story.spans.has(`attempt:${attempt}`)) return foldStage({ ...story, attempt }, event, at)
  const closedStory = close({ ...story, attempt, stage: null }, at, 'lost')
  return foldStage(
    open(closedStory, { kind: 'attempt', key: `attempt:${attempt}`, label: `Attempt ${attempt}`, attempt }, at),
    event,
    at,
  )
}

/** The maximum number of items that the payload of an entry keeps. */
const maxPayloadItems = 100

const common = new Set(['__typename', 'taskId', 'seq', 'cursor', 'at'])

function log(story: TaskStory, event: TaskEvent): TaskStory {
  const { __typename: type, seq, at } = event
  const payload = Object.fromEntries(
    Object.entries(event).flatMap(([name, value]: [string, unknown]) =>
      common.has(name)
        ? []
        : [[name, name === 'items' && Array.isArray(value) ? value.slice(0, maxPayloadItems) : value]],
    ),
  )
  // Only the newest queue position is of interest.
  const isRepeated = type === 'TaskQueueMoved' && story.entries.at(-1)?.type === type
  const eventCount = story.eventCount + (isRepeated ? 0 : 1)
  const entry: LogEntry = { key: eventCount, seq, type, at, payload }
  const entries = isRepeated ? story.entries.slice(0, -1) : story.entries
  return { ...story, eventCount, entries: [...entries, entry].slice(-maxEntries) }
}

function open(story: TaskStory, span: Pick<Span, 'kind' | 'key' | 'label' | 'attempt'>, startedAt: number): TaskStory {
  const spans = new Map(story.spans)
  spans.set(span.key, { ...span, startedAt, finishedAt: null, outcome: 'open' })
  return { ...story, spans }
}

function close(
  story: TaskStory,
  finishedAt: number,
  outcome: Exclude<SpanOutcome, 'open'>,
  isMeant: (span: Span) => boolean = () => true,
): TaskStory {
  const spans = new Map(story.spans)
  for (const span of story.spans.values())
    if (span.finishedAt === null && isMeant(span))
      // Waiting cannot fail.
      spans.set(span.key, {
        ...span,
        finishedAt,
        outcome: span.kind === 'wait' && outcome !== 'canceled' ? 'completed' : outcome,
      })
  return { ...story, spans }
}

function foldStage(story: TaskStory, { status, progress: { stage } }: TaskEvent, at: number): TaskStory {
  if (status !== 'RUNNING' || stage === story.stage) return story
  const { attempt } = story
  const closedStory = close({ ...story, stage }, at, 'completed', ({ kind }) => kind === 'stage')
  if (stage === null) return closedStory
  const key = `stage:${attempt}:${stage}`
  return open(closedStory, { kind: 'stage', key, label: describeName(stage), attempt }, at)
}

const itemKey = ({ attempt }: TaskStory, { key }: { readonly key: string }): string => `item:${attempt}:${key}`

function openItem(story: TaskStory, item: { readonly key: string; readonly label: string }, at: number): TaskStory {
  const key = itemKey(story, item)
  const { attempt } = story
  let count = 0
  for (const { kind } of story.spans.values()) if (kind === 'item') count++
  if (count >= maxItemSpans && !story.spans.has(key)) return { ...story, hasMoreItems: true }
  return open(story, { kind: 'item', key, label: item.label, attempt }, at)
}

/** An attempt as `Task.attempts` has it. */
export interface StoredAttempt {
  readonly attempt: number
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly outcome: string | null
}

const outcomes: Readonly<Record<string, SpanOutcome>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELED: 'canceled',
  WORKER_LOST: 'lost',
  HANDED_OVER: 'handed-over',
}

/**
 * Returns the spans in the order of the time line: each wait before its attempt, each attempt with its stages and items. The
 * stored attempts supply those whose events are no longer stored, and what the events do not say about their end.
 */
export function arrangeSpans(story: TaskStory, attempts: readonly StoredAttempt[]): readonly Span[] {
  const spans = new Map(story.spans)
  for (const { attempt, startedAt, finishedAt, outcome } of attempts) {
    const key = `attempt:${attempt}`
    const existing = spans.get(key)
    const outcomeText = outcome === null ? undefined : outcomes[outcome]
    if (existing !== undefined && outcomeText === undefined) continue
    spans.set(key, {
      key,
      kind: 'attempt',
      label: `Attempt ${attempt}`,
      attempt,
      startedAt: Date.parse(startedAt),
      finishedAt: finishedAt === null ? null : Date.parse(finishedAt),
      outcome: outcomeText ?? 'open',
    })
  }
  const rank: Readonly<Record<SpanKind, number>> = { wait: 0, attempt: 1, stage: 2, item: 3 }
  return [...spans.values()].sort(
    (a, b) => a.attempt - b.attempt || rank[a.kind] - rank[b.kind] || a.startedAt - b.startedAt,
  )
}
