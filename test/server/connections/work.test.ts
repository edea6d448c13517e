import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import {
  type Connection,
  type ConnectionControl,
  createConnections,
} from '../../../src/server/connections/connections.ts'
import { createServerMetrics } from '../../../src/server/connections/server-metrics.ts'
import { createWork, maxTurnBytes, workOf } from '../../../src/server/connections/work.ts'
import type { ClientInfo } from '../../../src/server/request/client-address.ts'
import { testConfig } from '../support.ts'

const source = { network: '10.0.0.1', userId: null }
const other = { network: '10.0.0.2', userId: null }
/** Returns how many begin before their work exceeds the limit. */
const perTurn = (bytes: number, limit: keyof typeof maxTurnBytes = 'shared'): number =>
  Math.floor(maxTurnBytes[limit] / bytes) + 1
const control: ConnectionControl = {
  move: () => undefined,
  terminate: () => undefined,
  unreadBytes: () => 0,
  subscriptions: () => 0,
}
const from = (network: string): ClientInfo => ({ address: network, network, userAgent: null })

/** Creates the limits of a server to which both networks are connected. */
function create() {
  const metrics = createServerMetrics()
  const connections = createConnections(testConfig(), metrics)
  const [, others] = [source, other].map(({ network }) => connections.open('ws', from(network), control))
  return Object.assign(createWork(testConfig(), metrics, connections), {
    othersLeave: () => connections.close(others as Connection),
  })
}

describe('the work of an address in one turn of the event loop', () => {
  test('continues in later turns, in order, while another address has its own', async () => {
    const work = create()
    const order: number[] = []
    const handle = (index: number) => () => {
      order.push(index)
      work.record(source, workOf.operation)
    }
    for (let index = 0; index < 30; index++) work.onTurn(source, handle(index))
    const turns: number[] = []
    while (order.length < 30) {
      const before = order.length
      await nextTurn()
      turns.push(order.length - before)
      expect(work.isTurnSpent(other)).toBe(false)
    }
    expect(order).toEqual(Array.from({ length: 30 }, (_, index) => index))
    expect(Math.max(...turns)).toBe(perTurn(workOf.operation))
  })

  test('counts in up to four of the next turns when it exceeds the limit', async () => {
    const work = create()
    const turnsAfter = async (bytes: number): Promise<number> => {
      work.record(source, bytes)
      let turns = 0
      for (; work.isTurnSpent(source); turns++) await nextTurn()
      return turns
    }
    expect(await turnsAfter(maxTurnBytes.shared)).toBe(0)
    await nextTurn()
    expect(await turnsAfter(3 * maxTurnBytes.shared)).toBe(2)
    await nextTurn()
    expect(await turnsAfter(1_000 * maxTurnBytes.shared)).toBe(4)
  })

  test('is more while nobody else is connected', async () => {
    const work = create()
    const begin = async (): Promise<number> => {
      let begun = 0
      const all = Array.from({ length: 40 }, () => work.waitForTurn(source, workOf.request).then(() => begun++))
      // Those that do not have to wait.
      await Promise.resolve()
      await Promise.resolve()
      const atOnce = begun
      await Promise.all(all)
      return atOnce
    }
    expect(await begin()).toBe(perTurn(workOf.request))
    await nextTurn()
    work.othersLeave()
    expect(await begin()).toBe(perTurn(workOf.request, 'alone'))
  })

  test('lets each waiting socket run once a turn', async () => {
    const work = create()
    const order: string[] = []
    const handle = (name: string) => (): void => {
      order.push(name)
      work.record(source, 3 * workOf.operation)
      if (order.length < 6) work.onTurn(source, handle(name))
    }
    for (const name of ['a', 'b']) work.onTurn(source, handle(name))
    await vi.waitFor(() => expect(order.length).toBeGreaterThan(5))
    expect(order.slice(0, 6)).toEqual(['a', 'b', 'a', 'b', 'a', 'b'])
  })

  test('counts the work that a request announces, so that requests which arrive together begin in several turns', async () => {
    const work = create()
    let begun = 0
    const requests = Array.from({ length: 40 }, () => work.waitForTurn(source, workOf.request).then(() => begun++))
    const turns: number[] = []
    while (begun < 40) {
      const before = begun
      await nextTurn()
      turns.push(begun - before)
    }
    await Promise.all(requests)
    // Those that did not have to wait, and those of the turn that followed at once.
    expect(Math.max(...turns)).toBeLessThanOrEqual(2 * perTurn(workOf.request))
  })
})
