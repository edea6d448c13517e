import { Client, cacheExchange, fetchExchange, gql } from '@urql/core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type TidingsExchange, type TidingsExchangeOptions, tidingsExchange } from '../../client/tidings-exchange.ts'
import type { TransportName } from '../../client/transport/transport.ts'
import { watchTask } from '../../client/watch-task/watch-task.ts'
import { quick, type Site, startSite } from './support/site.ts'
import { eventually, watch } from './support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterEach(() => site.proxy.heal())
afterAll(() => site[Symbol.asyncDispose]())

/** Creates a urql client as a team has it, with the exchange among its own. */
function createUrql(options: Partial<TidingsExchangeOptions> = {}): { urql: Client; tidings: TidingsExchange } {
  const { url } = site
  const tidings = tidingsExchange({ url, timing: quick, ...options })
  const urql = new Client({ url, exchanges: [cacheExchange, tidings, fetchExchange] })
  return { urql, tidings }
}

const query = gql<{ readonly task: { readonly status: string } }, { readonly id: string }>`
  query ($id: ID!) { task(id: $id) { id status } }
`

describe.for<TransportName>(['websocket', 'sse', 'polling'])('a urql client of a team over %s', (transport) => {
  test('receives every event once and in order although its connections are cut, and sends queries by its own exchange', async () => {
    const id = await site.count(10)
    const { urql, tidings } = createUrql({ transports: [transport] })
    await using _ = tidings
    const watching = watch(tidings, id)
    await eventually(() => expect(watching.seqs.length).toBeGreaterThan(2))
    for (let cut = 0; cut < 3; cut++) {
      const before = watching.seqs.length
      site.proxy.resetAll()
      site.step(2)
      await eventually(() => expect(watching.seqs.length).toBeGreaterThan(before))
    }
    expect((await urql.query(query, { id })).data?.task.status).toBe('RUNNING')
    site.step(4)
    await watching.done
    expect(watching.seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
    expect(tidings.urql).toBe(urql)
  })
})

test('the exchange of a urql client moves to another transport when sockets are refused, and reports its state', async () => {
  const id = await site.count(3, true)
  const refusing = class {
    constructor() {
      throw new Error('There are no sockets here')
    }
  }
  const { tidings } = createUrql({ webSocketImpl: refusing as never })
  await using _ = tidings
  const statuses: string[] = []
  tidings.connection.subscribe(() => statuses.push(tidings.connection.getSnapshot().transport ?? ''))
  const states = []
  for await (const state of watchTask(tidings, id).states()) states.push(state.status)
  expect(states.at(-1)).toBe('COMPLETED')
  expect(statuses).toContain('sse')
})

test('the exchange renews tokens by the function of the team', async () => {
  const id = await site.count(3, true)
  const token = vi.fn(() => null)
  const { tidings } = createUrql({ token })
  await using _ = tidings
  await watch(tidings, id).done
  expect(token).toHaveBeenCalled()
})

test('the exchange throws until a urql client has it', () => {
  const tidings = tidingsExchange({ url: site.url })
  expect(() => tidings.urql).toThrow('No urql client has this exchange')
  expect(() => tidingsExchange({ url: '/graphql' })).toThrow('is not an address')
})
