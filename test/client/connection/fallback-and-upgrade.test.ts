import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import { nextInterval } from '../../../client/transport/polling.ts'
import { type Gate, type SocketPolicy, startGate } from '../support/gate.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

let site: Site
let gate: Gate
beforeAll(async () => {
  site = await startSite()
  gate = await startGate(() => site.server.port)
  // The first request of a process takes longer than the deadlines of these tests.
  await site.ask('{ __typename }')
})
beforeEach(() => {
  Object.assign(gate, { sockets: 'pass', streams: 'pass', answer: null })
  gate.seen.length = 0
})
afterAll(async () => {
  await gate[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

const is = (client: TidingsClient): ConnectionState => client.connection.getSnapshot()
const seqsOf = async (id: string): Promise<readonly number[]> =>
  (await site.engine.events({ id })).map(({ seq }) => seq)
const timing = { proofMs: 2_000, silenceMs: 2_000 }
/** Does not upgrade within any test. */
const patient = { probeMs: 3_600_000, maxProbeMs: 3_600_000 }

test.for<readonly [SocketPolicy, RegExp]>([
  ['refuse', /closed|failed/],
  ['swallow', /did not open/],
  ['cut', /closed|failed/],
  ['mute', /opened, then nothing came through/],
])('falls back to event streams where sockets meet "%s", and reports the reason', async ([policy, reason]) => {
  gate.sockets = policy
  const id = await site.count(2)
  await using client = site.client({ url: gate.url, timing: { ...timing, ...patient } })
  const watching = watch(client, id)
  await eventually(() =>
    expect(is(client)).toMatchObject({ status: 'degraded', transport: 'sse', reason: expect.stringMatching(reason) }),
  )
  site.step(2)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
  expect(gate.seen.filter((one) => one === 'UPGRADE').length).toBeLessThanOrEqual(2)
})

test('falls back to polling where event streams are buffered as well', async () => {
  Object.assign(gate, { sockets: 'refuse', streams: 'hold' })
  const id = await site.count(2)
  await using client = site.client({ url: gate.url, timing: { ...timing, ...patient } })
  const watching = watch(client, id)
  await eventually(() => expect(is(client)).toMatchObject({ status: 'degraded', transport: 'polling' }))
  site.step(2)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
})

test('upgrades step by step as the obstacles disappear, without losing or repeating an event', async () => {
  Object.assign(gate, { sockets: 'refuse', streams: 'hold' })
  const id = await site.count(200)
  await using client = site.client({ url: gate.url, timing })
  const states = recordStates(client)
  const watching = watch(client, id)
  await eventually(() => expect(is(client).transport).toBe('polling'))
  const stepping = setInterval(() => site.step(), 15)
  gate.streams = 'pass'
  await eventually(() => expect(is(client)).toMatchObject({ status: 'degraded', transport: 'sse' }))
  gate.sockets = 'pass'
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', transport: 'websocket', reason: null }))
  site.step(200)
  const climbing = states.slice(states.findIndex(({ status }) => status === 'degraded'))
  await watching.done
  clearInterval(stepping)
  expect(watching.seqs).toEqual(await seqsOf(id))
  // It worked throughout the upgrade.
  expect(new Set(climbing.map(({ status }) => status))).toEqual(new Set(['degraded', 'live']))
})

test('sends one small request per round while nothing gets through, and returns when it is answered', async () => {
  const ids = await Promise.all(Array.from({ length: 3 }, () => site.count(1)))
  await using client = site.client({ url: gate.url })
  recordStates(client)
  const watched = ids.map((id) => watch(client, id))
  await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 1)).toBe(true))
  Object.assign(gate, { sockets: 'refuse', answer: { status: 502, type: 'text/html', body: 'nobody is there' } })
  gate.cut()
  await eventually(() => expect(is(client).attempt).toBeGreaterThan(1))
  gate.seen.length = 0
  const from = is(client).attempt
  await eventually(() => expect(is(client).attempt).toBeGreaterThanOrEqual(from + 10))
  const small = gate.seen.filter((one) => one === 'POST application/json').length
  expect(small).toBeGreaterThanOrEqual(7)
  // At most three rounds of a socket, three event streams and three polls.
  expect(gate.seen.length - small).toBeLessThanOrEqual(21)
  Object.assign(gate, { sockets: 'pass', answer: null })
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', transport: 'websocket' }))
  site.step()
  await Promise.all(watched.map(({ done }) => done))
  for (const [index, id] of ids.entries()) expect(watched[index]?.seqs).toEqual(await seqsOf(id))
})

test('falls back again when a socket that worked is blocked permanently', async () => {
  const id = await site.count(3)
  await using client = site.client({ url: gate.url, timing: { ...timing, ...patient } })
  const watching = watch(client, id)
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', transport: 'websocket' }))
  gate.sockets = 'refuse'
  gate.cut()
  await eventually(() => expect(is(client)).toMatchObject({ status: 'degraded', transport: 'sse' }))
  site.step(3)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
})

test('sends nothing else while it is live: one socket, and no request', async () => {
  // A gate of its own: the clients of the tests before may still be closing their sockets.
  await using own = await startGate(() => site.server.port)
  const id = await site.count(5)
  await using client = site.client({ url: own.url })
  const watching = watch(client, id)
  await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
  site.step(5)
  await watching.done
  expect(own.seen).toEqual(['UPGRADE'])
})

test('with live updates off, polls, reports it, and receives the same events', async () => {
  const id = await site.count(5)
  await using client = site.client({ url: gate.url, live: false })
  const watching = watch(client, id)
  await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
  expect(is(client)).toMatchObject({ status: 'degraded', transport: 'polling', reason: 'Live updates are turned off' })
  site.step(5)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
  expect(gate.seen).not.toContain('UPGRADE')
})

test('polls less and less often while nothing happens, and at once again after an event', () => {
  const timing = { pollMs: 100, maxPollMs: 300 }
  const intervals = [false, false, false, false, true].map(
    ((last) => (isNew: boolean) => {
      last = nextInterval(last, isNew, timing)
      return last
    })(timing.pollMs),
  )
  expect(intervals).toEqual([150, 225, 300, 300, 100])
})

test('all subscriptions of a client share one event stream, which is reopened when they change', async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => site.count(1)))
  const open = new Map<AbortSignal, number>()
  let mostAtOnce = 0
  await using client = site.client({
    transports: ['sse'],
    fetch(input, init) {
      const { operations } = JSON.parse(String(init?.body)) as { operations: readonly object[] }
      const signal = init?.signal
      if (signal) {
        open.set(signal, operations.length)
        signal.addEventListener('abort', () => open.delete(signal))
      }
      mostAtOnce = Math.max(mostAtOnce, open.size)
      return fetch(input, init)
    },
  })
  const watched = ids.slice(0, 3).map((id) => watch(client, id))
  await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 1)).toBe(true))
  watched.push(...ids.slice(3).map((id) => watch(client, id)))
  await eventually(() => expect(watched.every(({ seqs }) => seqs.length > 1)).toBe(true))
  expect([...open.values()]).toEqual([6])
  site.step()
  await Promise.all(watched.map(({ done }) => done))
  for (const [index, id] of ids.entries()) expect(watched[index]?.seqs).toEqual(await seqsOf(id))
  expect(mostAtOnce).toBe(1)
})
