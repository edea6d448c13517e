import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import { createSubscriptions } from '../../../client/connection/subscriptions.ts'
import type { StreamResult, Subscriber, TransportConnection } from '../../../client/transport/transport.ts'

const query =
  'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { __typename cursor seq } }'
const length = 12
const eventAt = (seq: number): StreamResult => ({
  data: { taskProgress: { __typename: seq === length ? 'TaskCompleted' : 'TaskAdvanced', cursor: `c-${seq}`, seq } },
  ...(seq === length && { extensions: { tidings: { last: true } } }),
})
const positionOf = (subscriber: Subscriber): number =>
  Number(String(subscriber.body().variables?.['after'] ?? 'c-0').slice(2))

/** Creates a server that follows one script for each subscription, then serves correctly. */
function createFaultyServer(scripts: { readonly lost: readonly number[]; readonly stopsAfter: number }[]) {
  let served = 0
  const session: TransportConnection = {
    attach(subscriber) {
      const { lost, stopsAfter } = scripts[served++] ?? { lost: [], stopsAfter: length }
      const from = positionOf(subscriber)
      let isDetached = false
      queueMicrotask(() => {
        for (let seq = from + 1; seq <= Math.min(length, from + stopsAfter); seq++)
          if (!isDetached && !lost.includes(seq - from) && subscriber.next(eventAt(seq))) break
        if (!isDetached) subscriber.complete()
      })
      return () => {
        isDetached = true
      }
    },
    confirm: () => undefined,
    canAnswer: false,
    heartbeatMs: null,
    check: () => undefined,
    close: () => undefined,
  }
  return { session, served: () => served }
}

/** Subscribes, and waits for the end. */
async function receive(session: TransportConnection): Promise<readonly number[]> {
  const seqs: number[] = []
  const subscriptions = createSubscriptions({ timing: defaultTiming, session: () => session, onCount: () => undefined })
  await new Promise<void>((resolve) => {
    subscriptions.add(
      { query, variables: { id: 't' } },
      {
        next: ({ data }) => seqs.push((data as { taskProgress: { seq: number } }).taskProgress.seq),
        complete: resolve,
      },
    )
  })
  return seqs
}

test('receives lost events and events cut off by a false completion again, each once and in order', async () => {
  const script = fc.record({
    // The first event after a cursor cannot be detected as missing by its number when no event came
    // before.
    lost: fc.array(fc.integer({ min: 2, max: 6 }), { maxLength: 3 }),
    stopsAfter: fc.integer({ min: 1, max: length }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(script, { maxLength: 6 }), async (scripts) => {
      const { session } = createFaultyServer(scripts)
      expect(await receive(session)).toEqual(Array.from({ length }, (_, index) => index + 1))
    }),
  )
})

test('accepts a second completion at the same cursor, and a repeated gap', async () => {
  const ends = { lost: [], stopsAfter: 3 }
  const completing = createFaultyServer([ends, { lost: [], stopsAfter: 0 }])
  expect(await receive(completing.session)).toEqual([1, 2, 3])
  const hole = createFaultyServer([
    { lost: [3], stopsAfter: length },
    { lost: [1], stopsAfter: length },
  ])
  expect(await receive(hole.session)).toEqual([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  expect(hole.served()).toBe(2)
})

test('accepts events that the server reports as merged in place of the originals', async () => {
  let served = 0
  const session: TransportConnection = {
    attach(subscriber) {
      served += 1
      queueMicrotask(() => {
        subscriber.next(eventAt(1))
        subscriber.next({ ...eventAt(7), extensions: { tidings: { follows: 1 } } })
        for (let seq = 8; seq <= length; seq++) subscriber.next(eventAt(seq))
        subscriber.complete()
      })
      return () => undefined
    },
    confirm: () => undefined,
    canAnswer: false,
    heartbeatMs: null,
    check: () => undefined,
    close: () => undefined,
  }
  expect(await receive(session)).toEqual([1, 7, 8, 9, 10, 11, 12])
  expect(served).toBe(1)
})
