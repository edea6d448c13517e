import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionState } from '../../../client/connection/connection-state.ts'
import type { TidingsClient } from '../../../client/tidings-client.ts'
import type { TransportName } from '../../../client/transport/transport.ts'
import { runProgram } from '../support/program.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, recordStates, watch } from '../support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterEach(() => site.proxy.heal())
afterAll(() => site[Symbol.asyncDispose]())

const seqsOf = async (id: string): Promise<readonly number[]> =>
  (await site.engine.events({ id })).map(({ seq }) => seq)
const is = (client: TidingsClient): ConnectionState => client.connection.getSnapshot()

describe.for<TransportName>(['websocket', 'sse', 'polling'])('over %s, while the task continues', (transport) => {
  /**
   * Follows a task of ten steps and causes a failure after the third; all events must have arrived.
   */
  const surviving = async (
    happen: (client: TidingsClient, states: readonly ConnectionState[]) => Promise<void> | void,
  ): Promise<readonly ConnectionState[]> => {
    const id = await site.count(10)
    await using client = site.client({
      transports: [transport],
      timing: { pingMs: 40, pongMs: 40, silenceMs: 200, requestMs: 200, proofMs: 1_000 },
    })
    const states = recordStates(client)
    const watching = watch(client, id)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(2))
    site.step(3)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(5))
    await happen(client, states)
    site.step(7)
    await watching.done
    expect(watching.seqs).toEqual(await seqsOf(id))
    return states
  }

  test('resumes after its connections were reset', async () => {
    await surviving(() => site.proxy.resetAll())
  })

  test('resumes after its connections went half-open, which it detects itself', async () => {
    const states = await surviving(async (_, seen) => {
      site.proxy.halfOpen()
      site.step(2)
      await eventually(() => expect(seen.some(({ attempt }) => attempt > 0)).toBe(true))
      site.step(-2)
    })
    // As late as the silence is noticed: of a connection that delivered, or of the next one.
    expect(states.map(({ reason }) => reason).join()).toMatch(/silent|not answered|nothing came through/)
  })

  test('catches up after the network had stalled', async () => {
    await surviving(async (_, seen) => {
      site.proxy.stall()
      site.step(2)
      await eventually(() => expect(seen.some(({ attempt }) => attempt > 0)).toBe(true))
      site.proxy.resume()
      site.step(-2)
    })
  })

  test('resumes after the server was down, and reports it meanwhile', async () => {
    const states = await surviving(async (client) => {
      await site.stop()
      await eventually(() => expect(is(client).attempt).toBeGreaterThan(2))
      expect(is(client)).toMatchObject({ status: 'reconnecting', reason: expect.any(String) })
      await site.start()
    })
    const works = transport === 'polling' ? 'degraded' : 'live'
    const shown = new Set(states.map(({ status }) => status))
    expect([...shown]).toEqual(['connecting', works, 'reconnecting', 'closed'])
  })

  test('resumes repeatedly while its connections are cut after ever more bytes', async () => {
    await surviving(async () => {
      let bytes = 400
      const timer = setInterval(() => {
        bytes += 61
        site.proxy.cutAfter(bytes, 'toClient')
      }, 10)
      await eventually(() => expect(bytes).toBeGreaterThan(2_500))
      clearInterval(timer)
      await site.proxy.heal()
    })
  })
})

test('leaves no connection behind when it is disposed', async () => {
  const id = await site.count(3)
  const openBefore = site.proxy.open
  const client = site.client()
  const watching = watch(client, id)
  await eventually(() => expect(watching.seqs.length).toBeGreaterThan(1))
  await client.dispose()
  await client.dispose()
  await watching.done.catch(() => undefined)
  expect(is(client).status).toBe('closed')
  await eventually(() => expect(site.proxy.open).toBeLessThanOrEqual(openBefore))
  await eventually(() => expect(site.server.connections.size).toBe(0))
})

test('closes the connection some time after the last subscription ended, and opens it again for the next', async () => {
  await using client = site.client({ timing: { lingerMs: 10 } })
  const stop = client.connection.subscribe(() => undefined)
  await eventually(() => expect(is(client).status).toBe('live'))
  stop()
  await eventually(() => expect(site.server.connections.size).toBe(0))
  expect(is(client)).toMatchObject({ transport: null, reason: 'Connects when something is watched' })
  client.connection.subscribe(() => undefined)
  await eventually(() => expect(is(client)).toMatchObject({ status: 'live', roundTripMs: expect.any(Number) }))
})

test('one subscription on a socket ends without affecting the others', async () => {
  const [short, long] = [await site.count(1, true), await site.count(2)]
  await using client = site.client({ transports: ['websocket'] })
  const states = recordStates(client)
  const watchingLong = watch(client, long)
  await eventually(() => expect(watchingLong.seqs.length).toBeGreaterThan(1))
  await watch(client, short).done
  for await (const _ of client.watchTask(short, { fromStart: true })) break
  site.step(2)
  await watchingLong.done
  expect(states.some(({ status }) => status === 'reconnecting')).toBe(false)
  expect(site.server.connections.size).toBe(1)
})

test('a refused subscription fails separately, with the reason', async () => {
  const id = await site.count(1)
  await using client = site.client()
  const watching = watch(client, id)
  await expect(watch(client, 'task_00000000000000000000000000').done).rejects.toThrow(/no task/i)
  site.step(1)
  await watching.done
  expect(watching.seqs).toEqual(await seqsOf(id))
})

test('a subscription beyond the limit waits until there is room', async () => {
  await using narrow = await startSite({ MAX_SUBSCRIPTIONS_PER_SOCKET: '1' })
  const ids = [await narrow.count(1), await narrow.count(2, true)]
  await using client = narrow.client({ transports: ['websocket'] })
  const [first, second] = ids.map((id) => watch(client, id))
  await eventually(() => expect(first?.seqs.length).toBeGreaterThan(1))
  expect(second?.seqs).toEqual([])
  // The state is that of the worst-served subscription.
  recordStates(client)
  await eventually(() =>
    expect(is(client)).toMatchObject({
      status: 'degraded',
      transport: 'websocket',
      reason: expect.stringMatching(/^1 of 2 subscriptions wait: /),
    }),
  )
  narrow.step()
  await Promise.all([first?.done, second?.done])
  expect(second?.seqs).toEqual((await narrow.engine.events({ id: ids[1] ?? '' })).map(({ seq }) => seq))
})

test.for<TransportName>(['websocket', 'sse', 'polling'])(
  'a program that subscribed over %s exits once it has disposed of its client',
  async (transport) => {
    const id = await site.count(1)
    const output = await runProgram(`
    const client = createTidingsClient({ url: ${JSON.stringify(site.url)}, transports: ['${transport}'] })
    for await (const event of client.watchTask('${id}')) {
      console.log(event.__typename)
      break
    }
    await client.dispose()
  `)
    expect(output).toEqual({ code: 0, said: 'TaskSnapshot\n' })
  },
)
