import type {
  Delivered,
  Entry,
  History,
  LoggedEvent,
  LoggedTask,
  LoggedTopic,
  Mutated,
  SubscriberKind,
} from './history.ts'
import { describeStateAt, isTerminal, readLogged } from './payload.ts'

/**
 * A correct history, made up without any server: what the mutants of the checker start from.
 */
export function createSampleHistory(): History {
  const restoredTask = createTask('d', 2)
  const topics = [createTask('a', 4), createTask('b', 2, { isRetried: true }), createTask('c', 3), restoredTask]
  const log = {
    topics: new Map(topics.map(({ topic }) => [topic.name, topic])),
    tasks: new Map(topics.map(({ task }) => [task.id, task])),
  }
  const kinds: readonly SubscriberKind[] = ['websocket', 'sse', 'polling', 'raw-websocket']
  const entries: Entry[] = topics.map(({ task }, index) => ({
    is: 'mutated',
    at: index,
    name: 'start',
    key: `key ${task.id}`,
    outcome: 'acknowledged',
    id: task.id,
  }))
  entries.push({
    is: 'mutated',
    at: 90,
    name: 'start',
    key: 'key a',
    outcome: 'acknowledged',
    id: 'a',
  } satisfies Mutated)
  for (const { topic } of topics) {
    for (const [index, client] of kinds.entries()) {
      const sub = `${client} ${topic.name}`
      const from = index % 2 === 0 ? 'start' : 'now'
      entries.push({ is: 'subscribed', sub, at: 0, client, topic: topic.name, from, hasCursor: true })
      entries.push(...deliverTopic(sub, topic, from === 'start' ? undefined : 2))
      entries.push({ is: 'ended', sub, at: 100, how: 'complete' })
    }
    const sub = `apollo ${topic.name}`
    entries.push({ is: 'subscribed', sub, at: 0, client: 'apollo', topic: topic.name, from: 'now', hasCursor: false })
    entries.push({ is: 'connected', sub, at: 1 }, ...deliverTopic(sub, topic, 1).slice(0, 3))
    entries.push({ is: 'connected', sub, at: 50 }, ...deliverTopic(sub, topic, 6))
    entries.push({ is: 'ended', sub, at: 100, how: 'complete' })
  }
  // A backup was restored that has four of the six events that this subscriber had received.
  const { topic } = restoredTask
  const former: LoggedTopic = { ...topic, seq: 6, closed: false, events: topic.events.slice(0, 6) }
  const sub = `restored ${topic.name}`
  entries.push({ is: 'subscribed', sub, at: 0, client: 'websocket', topic: topic.name, from: 'start', hasCursor: true })
  entries.push(...deliverTopic(sub, former, undefined, 'former'), { is: 'connected', sub, at: 50 })
  for (const entry of deliverTopic(sub, topic, 4))
    entries.push(entry.snapshot === undefined ? entry : { ...entry, snapshot: { ...entry.snapshot, reason: 'RESET' } })
  entries.push({ is: 'ended', sub, at: 100, how: 'complete' })
  return { entries, log, restored: { at: 0, epoch: 'former', topics: new Map([[topic.name, former]]) } }
}

/** Returns the entries of a subscriber: a snapshot at a position, or none, and every event after it. */
function deliverTopic(
  sub: string,
  topic: LoggedTopic,
  snapshotAt: number | undefined,
  epoch = 'epoch',
): readonly Delivered[] {
  const cursorOf = (seq: number): string => `${epoch}-${topic.name}-${seq}`
  const events = topic.events.slice(snapshotAt ?? 0).map((event): Delivered => {
    const { seq, type } = event
    return { is: 'delivered', sub, at: seq, seq, type, cursor: cursorOf(seq), ...readLogged(event) }
  })
  if (snapshotAt === undefined) return events
  const last = topic.events[snapshotAt - 1]
  const snapshot = {
    reason: 'SUBSCRIBED',
    state: describeStateAt(topic.events, snapshotAt),
    isFinal: isTerminal(last?.type ?? ''),
  }
  const first: Delivered = {
    is: 'delivered',
    sub,
    at: snapshotAt,
    seq: snapshotAt,
    type: 'TaskSnapshot',
    cursor: cursorOf(snapshotAt),
    digest: '',
    snapshot,
  }
  return [first, ...events]
}

function createTask(id: string, items: number, { isRetried = false } = {}): { topic: LoggedTopic; task: LoggedTask } {
  const name = `task:${id}`
  const events: LoggedEvent[] = []
  let completedItems = 0
  const add = (type: string, status: string, payload: Readonly<Record<string, unknown>> = {}): void => {
    const progress = { percent: completedItems, stage: 'counting', completedItems, failedItems: 0, totalItems: items }
    const seq = events.length + 1
    const at = new Date(1_000 * seq).toISOString()
    events.push({ topic: name, seq, type, at, payload: { status, progress, ...payload } })
  }
  const item = (key: string, status: string) => ({ item: { key, status } })
  const keys = Array.from({ length: items }, (_, index) => String(index + 1))
  add('TaskQueued', 'QUEUED')
  add('TaskStarted', 'RUNNING', { attempt: 1 })
  if (isRetried) {
    add('TaskOutput', 'RUNNING', { stream: 'text', offset: 0, text: 'first attempt' })
    add('TaskRetrying', 'RETRYING', { attempt: 2, error: { code: 'WORKER_LOST' } })
    add('TaskStarted', 'RUNNING', { attempt: 2 })
  }
  add('TaskItemsAdded', 'RUNNING', { items: keys.map((key) => ({ key, status: 'PENDING' })) })
  for (const [index, key] of keys.entries()) {
    add('TaskItemStarted', 'RUNNING', item(key, 'RUNNING'))
    add('TaskAdvanced', 'RUNNING')
    add('TaskOutput', 'RUNNING', { stream: 'text', offset: index * 4, text: `${key}.` })
    add('TaskOutput', 'RUNNING', { stream: 'text', offset: index * 4 + 2, text: '..' })
    completedItems++
    add('TaskItemCompleted', 'RUNNING', item(key, 'COMPLETED'))
  }
  add('TaskCompleted', 'COMPLETED')
  const attempt = (number: number, outcome: string) => ({
    attempt: number,
    startedAt: new Date(number * 1_000).toISOString(),
    finishedAt: new Date(number * 1_000 + 500).toISOString(),
    outcome,
  })
  return {
    topic: { name, seq: events.length, closed: true, prunedSeq: 0, events },
    task: {
      id,
      kind: 'SELF_TEST',
      status: 'COMPLETED',
      isStored: true,
      owner: 'ada',
      input: { items, failAfter: null, retryable: false },
      attempts: isRetried ? [attempt(1, 'WORKER_LOST'), attempt(2, 'COMPLETED')] : [attempt(1, 'COMPLETED')],
    },
  }
}
