import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())

/** The page around the client: Node has none, and the client uses only its events. */
let page: EventTarget & { visibilityState: string }
// Web Locks count the event streams of a page.
const device = { onLine: true, locks: navigator.locks }
beforeEach(() => {
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  device.onLine = true
  vi.stubGlobal('document', page)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  vi.stubGlobal('navigator', device)
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await site.proxy.heal()
})

const is = (client: TidingsClient): ConnectionState => client.connection.getSnapshot()
/** Pauses that end after every test. */
const patient = {
  backoffMs: 3_600_000,
  maxBackoffMs: 3_600_000,
  maxReconnectMs: 3_600_000,
  probeMs: 3_600_000,
  maxProbeMs: 3_600_000,
}

test.for(['online', 'pageshow', 'visibilitychange'])('retries at once on %s', async (type) => {
  await using client = site.client({ timing: patient })
  recordStates(client)
  await eventually(() => expect(is(client).status).toBe('live'))
  site.proxy.refuse()
  site.proxy.resetAll()
  await eventually(() => expect(is(client)).toMatchObject({ status: 'reconnecting', nextTryAt: expect.any(Number) }))
  await site.proxy.heal()
  page.dispatchEvent(new Event(type))
  await eventually(() => expect(is(client).status).toBe('live'))
})

test('keeps its connection when the page is hidden', async () => {
  await using client = site.client({ timing: patient })
  const states = recordStates(client)
  await eventually(() => expect(is(client).status).toBe('live'))
  site.proxy.refuse()
  site.proxy.resetAll()
  await eventually(() => expect(is(client).nextTryAt).not.toBeNull())
  const before = states.length
  page.visibilityState = 'hidden'
  page.dispatchEvent(new Event('visibilitychange'))
  expect(states).toHaveLength(before)
})

test('reports that it is offline when the device does, but only once nothing gets through any more', async () => {
  await using client = site.client({ timing: { ...patient, pongMs: 50 } })
  const states = recordStates(client)
  await eventually(() => expect(is(client).status).toBe('live'))
  device.onLine = false
  page.dispatchEvent(new Event('offline'))
  // The server on this same device still responds, as the measured round trip shows.
  await eventually(() => expect(states.length).toBeGreaterThan(3))
  expect(is(client).status).toBe('live')
  site.proxy.refuse()
  site.proxy.stall()
  page.dispatchEvent(new Event('offline'))
  await eventually(() => expect(is(client)).toMatchObject({ status: 'offline', reason: 'This device has no network' }))
  device.onLine = true
  await site.proxy.heal()
  page.dispatchEvent(new Event('online'))
  await eventually(() => expect(is(client).status).toBe('live'))
})

test('checks at once whether the peer is still connected when the page is shown again', async () => {
  const id = await site.count(1)
  await using client = site.client({ timing: { pingMs: 3_600_000, pongMs: 50 } })
  const watching = watch(client, id)
  await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
  site.proxy.halfOpen()
  page.dispatchEvent(new Event('visibilitychange'))
  site.step(1)
  await watching.done
  expect(watching.seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
})

test('checks at once whether the connection still works after the device slept', async () => {
  await using client = site.client({ timing: { pingMs: 3_600_000, askMs: 3_600_000, pongMs: 5_000 } })
  const states = recordStates(client)
  await eventually(() => expect(is(client).status).toBe('live'))
  const accepted = site.proxy.accepted
  const { now } = Date
  const sleep = vi.spyOn(Date, 'now').mockImplementation(() => now() + 60_000)
  await eventually(() =>
    expect(states).toContainEqual(
      expect.objectContaining({ status: 'reconnecting', reason: expect.stringMatching(/slept/) }),
    ),
  )
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', reason: null }))
  expect(site.proxy.accepted).toBe(accepted)
  sleep.mockRestore()
})

test('is not live on a dead connection, long before the connection is closed', async () => {
  const hour = 3_600_000
  await using client = site.client({ timing: { pingMs: hour, pongMs: hour, askMs: 50, answerMs: 300 } })
  recordStates(client)
  await eventually(() => expect(is(client).status).toBe('live'))
  site.proxy.stall()
  await eventually(() =>
    expect(is(client)).toMatchObject({
      status: 'reconnecting',
      transport: 'websocket',
      attempt: 0,
      reason: expect.stringMatching(/does not answer/),
    }),
  )
  site.proxy.resume()
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', reason: null }))
})

test('is not live on an event stream with an overdue heartbeat, long before the stream is closed', async () => {
  const hour = 3_600_000
  await using client = site.client({
    transports: ['sse'],
    timing: { askMs: 1_000, answerMs: 1_000, silenceMs: hour, probeMs: hour, maxProbeMs: hour },
  })
  const watching = watch(client, await site.count(1))
  recordStates(client)
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', transport: 'sse' }))
  site.proxy.stall()
  await eventually(() =>
    expect(is(client)).toMatchObject({
      status: 'reconnecting',
      transport: 'sse',
      attempt: 0,
      reason: expect.stringMatching(/heartbeat is overdue/),
    }),
  )
  site.proxy.resume()
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', reason: null }))
  site.step()
  await watching.done
})

test('removes its page listeners when it is disposed', async () => {
  const add = vi.spyOn(page, 'addEventListener')
  const remove = vi.spyOn(page, 'removeEventListener')
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const client = site.client()
  await client.dispose()
  expect(add.mock.calls.length).toBeGreaterThan(3)
  expect(new Set(remove.mock.calls.map(([, handler]) => handler))).toEqual(
    new Set(add.mock.calls.map(([, handler]) => handler)),
  )
})

test('detects a dead peer within 15 seconds by default, on every transport', () => {
  const { pingMs, pongMs, silenceMs, requestMs } = defaultTiming
  expect(Math.max(pingMs + pongMs, silenceMs, requestMs)).toBeLessThanOrEqual(15_000)
})
