import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ConnectionState } from '../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../client/tidings-client.ts'
import { type Gate, startGate } from '../client/support/gate.ts'
import { type Site, startSite } from '../client/support/site.ts'
import { eventually, recordStates, watch } from '../client/support/watch.ts'

// Like test/client/connection/fallback-and-upgrade.test.ts, for obstacles that appear only after a transport has worked.
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

/** Returns the transports that were in use, once each. */
const transportsOf = (states: readonly ConnectionState[]): ReadonlySet<string | null> =>
  new Set(states.filter(({ status }) => status === 'live' || status === 'degraded').map(({ transport }) => transport))

test('abandons a socket that is swallowed repeatedly, and returns only when a probe has outlived that failure', async () => {
  gate.sockets = 'fade'
  const id = await site.count(2)
  await using client = site.client({ url: gate.url, timing: { pingMs: 30, pongMs: 1_000, steadyMs: 10 } })
  const states = recordStates(client)
  const watching = watch(client, id)
  await eventually(() =>
    expect(is(client)).toMatchObject({ status: 'degraded', transport: 'sse', reason: expect.stringMatching(/silent/) }),
  )
  const fallenAt = states.length
  const opened = gate.seen.filter((one) => one === 'UPGRADE').length
  // Two connections, and perhaps the first probe.
  expect(opened).toBeLessThanOrEqual(3)
  await eventually(() => expect(gate.seen.filter((one) => one === 'UPGRADE').length).toBeGreaterThan(opened + 2))
  expect(transportsOf(states.slice(fallenAt))).toEqual(new Set(['sse']))
  gate.sockets = 'pass'
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', transport: 'websocket' }))
  site.step(2)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
})

test.for([200, 4_000])(
  'abandons event streams that stop after %d bytes, and does not return to them',
  async (stallBytes) => {
    Object.assign(gate, { sockets: 'refuse', streams: 'stall', stallBytes })
    const id = await site.count(400)
    await using client = site.client({ url: gate.url, timing: { ...timing, steadyMs: 10, confirmMs: 500 } })
    const states = recordStates(client)
    const watching = watch(client, id)
    const stepping = setInterval(() => site.step(), 20)
    await eventually(() => expect(is(client)).toMatchObject({ status: 'degraded', transport: 'polling' }))
    const fallenAt = states.length
    const opened = gate.seen.filter((one) => one === 'UPGRADE').length
    await eventually(() => expect(gate.seen.filter((one) => one === 'UPGRADE').length).toBeGreaterThan(opened + 2))
    expect(transportsOf(states.slice(fallenAt))).toEqual(new Set(['polling']))
    gate.streams = 'pass'
    await eventually(() => expect(is(client)).toMatchObject({ status: 'degraded', transport: 'sse' }))
    clearInterval(stepping)
    site.step(400)
    await watching.done
    expect(watching.seqs).toEqual(await seqsOf(id))
  },
)
