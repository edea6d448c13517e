import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addItems, reduceTask, reduceTaskEvents } from '../../../client/reduce/task.ts'
import { firstItems, itemPageSize, type TaskEvent, type TaskState } from '../../../client/reduce/task-state.ts'
import { type History, playHistory, type Step } from './model.ts'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('start' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('retry' as const, 'batch' as const, 'move' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('complete' as const, 'fail' as const, 'cancel' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('advance' as const), percent: fc.integer({ max: 99, min: 0 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('declare' as const),
      count: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constantFrom(60, 99, 300, 700)),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('item' as const),
      index: fc.oneof(fc.nat(20), fc.nat(2_000)),
      status: fc.constantFrom('RUNNING' as const, 'COMPLETED' as const, 'SKIPPED' as const, 'FAILED' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('output' as const), stream: fc.nat(2), text: fc.string({ minLength: 1 }) }),
  },
)
const history = fc.array(step, { maxLength: 60 }).map((steps) => playHistory(steps))

/**
 * How a network delivers a history: each leg begins at a position that was reached before, or with
 * a later snapshot.
 */
const legs = fc.array(fc.record({ back: fc.nat(8), length: fc.nat(12), jump: fc.option(fc.nat(6), { freq: 3 }) }), {
  maxLength: 12,
})

function deliver(
  { events, snapshotAt, moves }: History,
  plan: readonly { back: number; length: number; jump: number | null }[],
): TaskEvent[] {
  const delivered: TaskEvent[] = []
  const send = (from: number, to: number): void => {
    for (const event of events.slice(from, to)) delivered.push(event, ...moves.filter(({ seq }) => seq === event.seq))
  }
  let reached = 0
  for (const { back, length, jump } of plan) {
    if (jump === null) {
      const from = Math.max(0, reached - back)
      send(from, from + length)
      reached = Math.max(reached, Math.min(events.length, from + length))
    } else {
      reached = Math.min(events.length, reached + Math.max(1, jump))
      delivered.push(snapshotAt(reached, delivered.length === 0 ? 'SUBSCRIBED' : 'LAGGED'))
    }
  }
  send(reached, events.length)
  if (reached === events.length) delivered.push(snapshotAt(reached))
  return delivered
}

/** Counts the entries that are written to maps or read from them while a function runs. */
function countEntries(run: () => void): number {
  const { set, [Symbol.iterator]: iterate, values } = Map.prototype
  let count = 0
  function* counted<T>(entries: Iterable<T>): Generator<T> {
    for (const entry of entries) {
      count++
      yield entry
    }
  }
  Object.assign(Map.prototype, {
    set(this: Map<unknown, unknown>, key: unknown, value: unknown) {
      count++
      return set.call(this, key, value)
    },
    [Symbol.iterator](this: Map<unknown, unknown>) {
      return counted({ [Symbol.iterator]: () => iterate.call(this) })
    },
    values(this: Map<unknown, unknown>) {
      return counted({ [Symbol.iterator]: () => values.call(this) })
    },
  })
  try {
    run()
  } finally {
    Object.assign(Map.prototype, { set, [Symbol.iterator]: iterate, values })
  }
  return count
}

/** Excludes what only some ways of following can know. */
function comparable(state: TaskState | undefined) {
  if (state === undefined) return undefined
  const { kind: _kind, maxAttempts: _maxAttempts, items, outputs, ...rest } = state
  return { ...rest, items: [...items], outputs: [...outputs] }
}

describe('reduceTask', () => {
  test('folds all events to the state of a snapshot after the last one', () => {
    fc.assert(
      fc.property(history, (played) => {
        const folded = reduceTaskEvents(undefined, deliver(played, []))
        const snapshot = reduceTask(undefined, played.snapshotAt(played.events.length))
        expect(comparable(folded)).toEqual(comparable(snapshot))
      }),
    )
  })

  test('folds any cuts, repetitions, resumptions and summaries of a history to the same state', () => {
    fc.assert(
      fc.property(history, legs, (played, plan) => {
        const folded = reduceTaskEvents(undefined, deliver(played, plan))
        const straight = reduceTaskEvents(undefined, deliver(played, []))
        expect(comparable(folded)).toEqual(comparable(straight))
      }),
      { numRuns: 500 },
    )
  })

  test('adds a page of items that was read at any later moment, whatever happens meanwhile', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.nat(), ({ events, itemsAt }, requested, read) => {
        const requestSeq = 1 + (requested % events.length)
        const readSeq = requestSeq + (read % (events.length - requestSeq + 1))
        const before = reduceTaskEvents(undefined, events.slice(0, requestSeq))
        if (before === undefined) throw new Error('There are no events')
        const { size } = before.items
        const page = itemsAt(readSeq).slice(size, size + itemPageSize)
        const after = reduceTaskEvents(addItems(before, page), events.slice(requestSeq))
        expect([...(after?.items.values() ?? [])]).toEqual(itemsAt(events.length).slice(0, firstItems + itemPageSize))
        expect(after?.progress.totalItems).toBe(itemsAt(events.length).length)
      }),
    )
  })

  test('counts the items beyond the loaded pages, and leaves them to the next page', () => {
    const played = playHistory([
      { do: 'start' },
      { do: 'declare', count: 99 },
      { do: 'declare', count: 700 },
      { do: 'item', index: 99, status: 'FAILED' },
      { do: 'item', index: 100, status: 'COMPLETED' },
    ])
    const state = reduceTaskEvents(undefined, played.events)
    expect([...(state?.items.keys() ?? [])].at(-1)).toBe('i99')
    expect(state?.items.get('i99')).toMatchObject({ status: 'FAILED' })
    expect(state).toMatchObject({ progress: { totalItems: 799, completedItems: 1, failedItems: 1 } })
    expect(state?.items.has('i100')).toBe(false)
    // A state that begins in the middle does not know the place of an item.
    expect(reduceTaskEvents(undefined, played.events.slice(4))?.items.size).toBe(0)
    const more = state && addItems(state, played.itemsAt(played.events.length).slice(100, 600))
    expect(more?.items.get('i100')).toMatchObject({ status: 'COMPLETED' })
  })

  test('folds an event at a cost that does not depend on the number of items', () => {
    const costs = [1_000, 20_000].map((count) => {
      const declared = Array.from({ length: count / 500 }, (): Step => ({ do: 'declare', count: 500 }))
      const { events } = playHistory([
        { do: 'start' },
        ...declared,
        { do: 'item', index: 3, status: 'RUNNING' },
        { do: 'item', index: 3, status: 'COMPLETED' },
        { do: 'item', index: count - 1, status: 'COMPLETED' },
        { do: 'advance', percent: 50 },
        { do: 'declare', count: 500 },
        { do: 'retry' },
        { do: 'start' },
      ])
      const state = reduceTaskEvents(undefined, events.slice(0, 2 + declared.length))
      return events.slice(2 + declared.length).map((event) => countEntries(() => reduceTask(state, event)))
    })
    expect(costs[1]).toEqual(costs[0])
    expect(Math.max(...(costs[1] ?? []))).toBeLessThanOrEqual(2 * firstItems + 1)
  })

  test('changes nothing, including the identity of the state, for a known event', () => {
    fc.assert(
      fc.property(history, (played) => {
        const state = reduceTaskEvents(undefined, played.events)
        for (const event of played.events) expect(reduceTask(state, event)).toBe(state)
      }),
    )
  })

  test('folds chunks of text that the server has joined for a slow reader to the same text', () => {
    const { events } = playHistory([
      { do: 'start' },
      { do: 'output', stream: 0, text: 'One ' },
      { do: 'output', stream: 1, text: 'other' },
      { do: 'output', stream: 0, text: 'two 🐦' },
    ])
    const [queued, started, one, other, two] = events
    if (one?.__typename !== 'TaskOutput' || two?.__typename !== 'TaskOutput') throw new Error('The history is another')
    const joined = { ...two, offset: one.offset, text: one.text + two.text }
    const state = reduceTaskEvents(undefined, [queued, started, other, joined] as TaskEvent[])
    expect(state?.outputs.get('s0')).toEqual({ text: 'One two 🐦', startsAt: 0 })
    expect(state?.outputs.get('s1')?.text).toBe('other')
  })

  test('records where a text with an unseen beginning starts', () => {
    const { events } = playHistory([
      { do: 'start' },
      { do: 'output', stream: 0, text: 'unseen ' },
      { do: 'output', stream: 0, text: 'seen' },
      { do: 'output', stream: 0, text: ' too' },
    ])
    const state = reduceTaskEvents(undefined, events.slice(3))
    expect(state?.outputs.get('s0')).toEqual({ text: 'seen too', startsAt: 7 })
  })

  test('resets at a new attempt and keeps completed items', () => {
    const { events } = playHistory([
      { do: 'start' },
      { do: 'declare', count: 3 },
      { do: 'item', index: 0, status: 'COMPLETED' },
      { do: 'item', index: 1, status: 'RUNNING' },
      { do: 'output', stream: 0, text: 'half' },
      { do: 'retry' },
    ])
    const waiting = reduceTaskEvents(undefined, events)
    expect(waiting).toMatchObject({ status: 'RETRYING', attempt: 1, error: { code: 'PROVIDER_BUSY' } })
    expect(waiting?.nextAttemptAt).not.toBeNull()
    const again = playHistory([
      { do: 'start' },
      { do: 'declare', count: 3 },
      { do: 'item', index: 0, status: 'COMPLETED' },
      { do: 'item', index: 1, status: 'RUNNING' },
      { do: 'output', stream: 0, text: 'half' },
      { do: 'retry' },
      { do: 'start' },
    ]).events.at(-1)
    const state = again && reduceTask(waiting, again)
    expect(state).toMatchObject({ attempt: 2, error: null, nextAttemptAt: null })
    expect([...(state?.items.values() ?? [])].map(({ status }) => status)).toEqual(['COMPLETED', 'PENDING', 'PENDING'])
    expect(state?.outputs.size).toBe(0)
  })

  test('uses the newest queue position until the task starts', () => {
    const { events, moves } = playHistory([{ do: 'move' }, { do: 'move' }, { do: 'start' }])
    const [queued, started] = events
    const moved = reduceTaskEvents(undefined, [queued, ...moves] as TaskEvent[])
    expect(moved?.queue?.position).toBe(2)
    const running = started && reduceTask(moved, started)
    expect(running?.queue).toBeNull()
    expect(moves[0] && reduceTask(running, moves[0])).toBe(running)
  })

  test('ignores an older snapshot; after a reset of the log a smaller number is newer', () => {
    const { snapshotAt, events } = playHistory([{ do: 'start' }, { do: 'declare', count: 2 }, { do: 'complete' }])
    const state = reduceTaskEvents(undefined, events)
    expect(reduceTask(state, snapshotAt(2, 'LAGGED'))).toBe(state)
    const restored = reduceTask(state, snapshotAt(2, 'RESET'))
    expect(restored).toMatchObject({ seq: 2, status: 'RUNNING', isOver: false })
    const on = reduceTaskEvents(restored, events.slice(2))
    expect(on).toMatchObject({ seq: 4, status: 'COMPLETED' })
    expect(reduceTask(on, snapshotAt(2, 'RESET'))).toBe(on)
  })

  test('folds an event of an unknown type as status and progress', () => {
    const { events } = playHistory([{ do: 'start' }, { do: 'advance', percent: 40 }])
    const [queued, started, advanced] = events
    const unknown = { ...advanced, __typename: 'TaskPaused', until: 'tomorrow' } as unknown as TaskEvent
    const state = reduceTaskEvents(undefined, [queued, started, unknown] as TaskEvent[])
    expect(state).toMatchObject({ seq: 3, status: 'RUNNING', progress: { percent: 40 } })
  })
})
