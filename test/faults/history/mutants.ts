import type { Delivered, Entry, History, LoggedEvent, LoggedTask, Rule } from './history.ts'
import { describeStateAt } from './payload.ts'

/**
 * A defect that a system could have, applied to a correct history: the checker must report the rule.
 * `websocket task:a` has no snapshot, `sse task:a` starts with one, `apollo task:a` has no cursor.
 */
export interface Mutant {
  readonly name: string
  readonly rule: Rule
  mutate(history: History): History
}

const isDelivered = (entry: Entry, sub: string, seq: number): entry is Delivered =>
  entry.is === 'delivered' && entry.sub === sub && entry.seq === seq && entry.snapshot === undefined

const onEntries = (change: (entries: readonly Entry[], history: History) => readonly Entry[]): Mutant['mutate'] => {
  return (history) => ({ ...history, entries: change(history.entries, history) })
}
/** Replaces one delivered event by others. */
const onEvent = (sub: string, seq: number, change: (event: Delivered) => readonly Entry[]): Mutant['mutate'] =>
  onEntries((entries) => entries.flatMap((entry) => (isDelivered(entry, sub, seq) ? change(entry) : [entry])))
const onSnapshot = (sub: string, change: (event: Delivered, history: History) => readonly Entry[]): Mutant['mutate'] =>
  onEntries((entries, history) =>
    entries.flatMap((entry) =>
      entry.is === 'delivered' && entry.sub === sub && entry.snapshot !== undefined ? change(entry, history) : [entry],
    ),
  )
const onEnd = (sub: string, change: (entry: Entry) => readonly Entry[]): Mutant['mutate'] =>
  onEntries((entries) =>
    entries.flatMap((entry) => (entry.is === 'ended' && entry.sub === sub ? change(entry) : [entry])),
  )
const onTask = (id: string, change: (task: LoggedTask) => LoggedTask): Mutant['mutate'] => {
  return (history) => {
    const { topics, tasks } = history.log
    const changed = [...tasks].map(([key, task]) => [key, key === id ? change(task) : task] as const)
    return { ...history, log: { topics, tasks: new Map(changed) } }
  }
}
/** Changes the log of one task and removes its subscribers, which would differ from it as well. */
const onLog = (id: string, change: (events: readonly LoggedEvent[]) => readonly LoggedEvent[]): Mutant['mutate'] => {
  return (history) => {
    const { topics, tasks } = history.log
    const name = `task:${id}`
    const changed = [...topics].map(([key, topic]) => {
      if (key !== name) return [key, topic] as const
      const events = change(topic.events).map((event, index) => ({ ...event, seq: index + 1 }))
      return [key, { ...topic, events, seq: events.length }] as const
    })
    const entries = history.entries.filter((entry) => entry.is === 'mutated' || !entry.sub.endsWith(name))
    return { ...history, entries, log: { topics: new Map(changed), tasks } }
  }
}
const insert = (event: LoggedEvent | undefined, after: string) => (events: readonly LoggedEvent[]) =>
  events.flatMap((existing) => (existing.type === after && event !== undefined ? [existing, event] : [existing]))

/** All mutants of the checker. */
export const mutants: readonly Mutant[] = [
  {
    name: 'a bus that duplicates',
    rule: 'repeated',
    mutate: onEvent('websocket task:a', 5, (event) => [event, event]),
  },
  {
    name: 'a duplicate that arrives much later',
    rule: 'repeated',
    mutate: (history) =>
      onEvent('websocket task:a', 9, (event) => [
        event,
        ...history.entries.filter((entry) => isDelivered(entry, 'websocket task:a', 5)),
      ])(history),
  },
  { name: 'a follow that skips', rule: 'lost', mutate: onEvent('websocket task:a', 7, () => []) },
  { name: 'a follow that skips the first event', rule: 'lost', mutate: onEvent('websocket task:a', 1, () => []) },
  {
    name: 'a follow that skips the first event after a snapshot',
    rule: 'lost',
    mutate: onEvent('sse task:a', 3, () => []),
  },
  {
    name: 'a stream that ends silently before its last events',
    rule: 'lost',
    mutate: onEntries((entries) =>
      entries.filter((entry) => !('sub' in entry && entry.sub === 'polling task:b') || entry.at < 4),
    ),
  },
  {
    name: 'a subscription that never receives anything',
    rule: 'lost',
    mutate: onEntries((entries) =>
      entries.filter((entry) => !('sub' in entry && entry.sub === 'polling task:b') || entry.is === 'subscribed'),
    ),
  },
  {
    name: 'a reorder buffer that swaps two events',
    rule: 'reordered',
    mutate: onEntries((entries) => {
      const index = entries.findIndex((entry) => isDelivered(entry, 'websocket task:a', 6))
      return entries.with(index, entries[index + 1] as Entry).with(index + 1, entries[index] as Entry)
    }),
  },
  {
    name: 'a payload of another event',
    rule: 'altered',
    mutate: onEvent('websocket task:c', 5, (event) => [{ ...event, digest: 'other' }]),
  },
  {
    name: 'an event under another type',
    rule: 'altered',
    mutate: onEvent('websocket task:c', 5, (event) => [{ ...event, type: 'TaskOther' }]),
  },
  {
    name: 'a text with a damaged character',
    rule: 'altered',
    mutate: onEvent('websocket task:c', 6, (event) => [{ ...event, piece: { offset: 0, text: '1..\ufffd' } }]),
  },
  {
    name: 'a merge that loses a part of a text',
    rule: 'altered',
    mutate: onEntries((entries) =>
      entries.flatMap((entry) => {
        if (entry.is !== 'delivered' || entry.sub !== 'websocket task:a') return [entry]
        if (entry.seq === 6) return []
        return entry.seq === 7 ? [{ ...entry, follows: 5 }] : [entry]
      }),
    ),
  },
  {
    name: 'a merge that replaces an event of the class keep',
    rule: 'lost',
    mutate: onEntries((entries) =>
      entries.flatMap((entry) => {
        if (entry.is !== 'delivered' || entry.sub !== 'websocket task:a') return [entry]
        if (entry.seq === 4) return []
        return entry.seq === 5 ? [{ ...entry, follows: 3 }] : [entry]
      }),
    ),
  },
  {
    name: 'a stream that completes early',
    rule: 'completedEarly',
    mutate: onEntries((entries) =>
      entries.filter((entry) => entry.is !== 'delivered' || entry.sub !== 'sse task:c' || entry.seq < 6),
    ),
  },
  { name: 'a stream that never ends', rule: 'neverEnded', mutate: onEnd('sse task:c', () => []) },
  {
    name: 'a snapshot one event late',
    rule: 'wrongSnapshot',
    mutate: onSnapshot('sse task:a', (event, { log }) => {
      const events = log.topics.get('task:a')?.events ?? []
      const state = describeStateAt(events, event.seq - 1)
      return [{ ...event, snapshot: { reason: 'SUBSCRIBED', state, isFinal: false } }]
    }),
  },
  {
    name: 'a snapshot one event early',
    rule: 'wrongSnapshot',
    mutate: onSnapshot('sse task:a', (event, { log }) => {
      const events = log.topics.get('task:a')?.events ?? []
      const state = describeStateAt(events, event.seq + 1)
      return [{ ...event, snapshot: { reason: 'SUBSCRIBED', state, isFinal: false } }]
    }),
  },
  { name: 'a subscription without its snapshot', rule: 'missingSnapshot', mutate: onSnapshot('sse task:a', () => []) },
  {
    name: 'a reconnection without a snapshot for a client without a cursor',
    rule: 'missingSnapshot',
    mutate: onSnapshot('apollo task:a', (event) => (event.seq < 3 ? [event] : [])),
  },
  {
    name: 'a snapshot in place of missed events, without a reason',
    rule: 'unexpectedSnapshot',
    mutate: onEntries((entries) => {
      const snapshot = entries.find(
        (entry) => entry.is === 'delivered' && entry.sub === 'apollo task:a' && entry.seq === 6,
      )
      return entries.flatMap((entry) => {
        const isMissed = [4, 5, 6].some((seq) => isDelivered(entry, 'websocket task:a', seq))
        if (!isMissed || snapshot?.is !== 'delivered') return [entry]
        return isDelivered(entry, 'websocket task:a', 6) ? [{ ...snapshot, sub: 'websocket task:a' }] : []
      })
    }),
  },
  {
    name: 'PRUNED for events that are still stored',
    rule: 'unexpectedSnapshot',
    mutate: onSnapshot('sse task:a', (event) => [
      { ...event, snapshot: { reason: 'PRUNED', state: event.snapshot?.state ?? '', isFinal: false } },
    ]),
  },
  {
    name: 'a cursor of another position',
    rule: 'wrongCursor',
    mutate: onEvent('websocket task:a', 6, (event) => [{ ...event, cursor: event.cursor.replace('-6', '-7') }]),
  },
  {
    name: 'two cursors for one position',
    rule: 'wrongCursor',
    mutate: onEvent('websocket task:a', 6, (event) => [{ ...event, cursor: `${event.cursor}x` }]),
  },
  {
    name: 'an event after the terminal one',
    rule: 'notFinal',
    mutate: onEnd('websocket task:a', (entry) => [
      {
        is: 'delivered',
        sub: 'websocket task:a',
        at: 99,
        seq: 99,
        type: 'TaskAdvanced',
        cursor: 'epoch-task:a-99',
        digest: '',
      },
      entry,
    ]),
  },
  {
    name: 'an infrastructure failure shown to a subscriber',
    rule: 'errorVisible',
    mutate: onEnd('websocket task:a', (entry) => [{ ...entry, is: 'ended', how: 'error', error: 'INTERNAL' } as Entry]),
  },
  {
    name: 'an infrastructure failure shown to a caller',
    rule: 'errorVisible',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'cancel', key: 'x', outcome: 'refused', error: 'INTERNAL' },
    ]),
  },
  {
    name: 'an idempotency key that starts two tasks',
    rule: 'notIdempotent',
    mutate: onEntries((entries) =>
      entries.map((entry) => (entry.is === 'mutated' && entry.at === 90 ? { ...entry, id: 'b' } : entry)),
    ),
  },
  {
    name: 'an idempotency key that starts a second task, which no response names',
    rule: 'notIdempotent',
    mutate: (history) => {
      const { topics, tasks } = history.log
      const extra = tasks.get('a') as LoggedTask
      return { ...history, log: { topics, tasks: new Map([...tasks, ['z', { ...extra, id: 'z' }]]) } }
    },
  },
  {
    name: 'an acknowledged start that is lost',
    rule: 'mutationLost',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'start', key: 'key x', outcome: 'acknowledged', id: 'x' },
    ]),
  },
  {
    name: 'an acknowledged cancellation that is lost',
    rule: 'mutationLost',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'cancel', key: 'key x', outcome: 'acknowledged', id: 'a' },
    ]),
  },
  {
    name: 'an acknowledged deletion that is lost',
    rule: 'mutationLost',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'delete', key: 'a', outcome: 'acknowledged' },
    ]),
  },
  {
    name: 'a session whose acknowledged end is lost',
    rule: 'mutationLost',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'close', key: 's', outcome: 'acknowledged' },
    ]),
  },
  {
    name: 'an acknowledged session that is lost',
    rule: 'mutationLost',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'mutated', at: 95, name: 'session', key: 'key s', outcome: 'acknowledged', id: 's' },
    ]),
  },
  {
    name: 'an error of a subscription to a topic that is not in the log',
    rule: 'errorVisible',
    mutate: onEntries((entries) => [
      ...entries,
      { is: 'subscribed', sub: 'x', at: 0, client: 'apollo', topic: 'task:x', from: 'now', hasCursor: false },
      { is: 'ended', sub: 'x', at: 1, how: 'error', error: 'INTERNAL' },
    ]),
  },
  {
    name: 'a worker that continues after its lease: an item completed twice',
    rule: 'twoAttempts',
    mutate: onLog('a', (events) => {
      const again = events.find(({ type }) => type === 'TaskItemCompleted')
      return insert(again, 'TaskItemsAdded')(events)
    }),
  },
  {
    name: 'a worker that continues after its lease: its text within that of the next attempt',
    rule: 'twoAttempts',
    mutate: onLog('b', (events) => insert(events[2], 'TaskItemsAdded')(events)),
  },
  {
    name: 'two workers that claim one task',
    rule: 'twoAttempts',
    mutate: onTask('b', (task) => ({
      ...task,
      attempts: task.attempts.map((attempt) => ({ ...attempt, finishedAt: '2000-01-01T00:00:00.000Z' })),
    })),
  },
  {
    name: 'a task that starts again while it runs',
    rule: 'brokenLog',
    mutate: onLog('a', (events) => insert(events[1], 'TaskStarted')(events)),
  },
  {
    name: 'a completed task that fails afterwards',
    rule: 'notFinal',
    mutate: onTask('a', (task) => ({ ...task, status: 'FAILED' })),
  },
  {
    name: 'a task that nothing continues',
    rule: 'stuck',
    mutate: onLog('c', (events) => events.slice(0, 5)),
  },
  {
    name: 'a task that completes without some of its items',
    rule: 'wrongResult',
    mutate: onTask('a', (task) => ({ ...task, input: { ...task.input, items: 5 } })),
  },
  {
    name: 'a task that fails although its input does not require it',
    rule: 'wrongResult',
    mutate: (history) =>
      onTask('a', (task) => ({ ...task, status: 'FAILED' }))(
        onLog('a', (events) =>
          events.map((event) =>
            event.type === 'TaskCompleted'
              ? { ...event, type: 'TaskFailed', payload: { ...event.payload, status: 'FAILED' } }
              : event,
          ),
        )(history),
      ),
  },
  {
    name: 'a log with a gap',
    rule: 'brokenLog',
    mutate: (history) => {
      const topic = history.log.topics.get('task:c')
      if (topic === undefined) return history
      const topics = new Map(history.log.topics).set('task:c', { ...topic, seq: topic.seq + 1 })
      return { ...history, log: { ...history.log, topics } }
    },
  },
  {
    name: 'a client that continues at its position after a backup was restored',
    rule: 'missingSnapshot',
    mutate: onEntries((entries) =>
      entries.filter((entry) => entry.is !== 'delivered' || entry.snapshot?.reason !== 'RESET'),
    ),
  },
  {
    name: 'a client that drops the events of the restored log as known',
    rule: 'lost',
    mutate: onEntries((entries) =>
      entries.filter(
        (entry) =>
          entry.is !== 'delivered' ||
          entry.sub !== 'restored task:d' ||
          !(entry.cursor.startsWith('epoch-') && (entry.seq === 5 || entry.seq === 6)),
      ),
    ),
  },
  {
    name: 'a client that is not told of a restored backup',
    rule: 'neverEnded',
    mutate: onEntries((entries) =>
      entries.filter(
        (entry) =>
          entry.is === 'mutated' ||
          entry.sub !== 'restored task:d' ||
          entry.is === 'subscribed' ||
          (entry.is === 'delivered' && entry.cursor.startsWith('former-')),
      ),
    ),
  },
]
