import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cacheExchange, fetchExchange, Client as UrqlClient } from '@urql/core'
import { createYoga } from 'graphql-yoga'
import { advance, createTidings, defineTask } from 'tidings'
import { useTidings } from 'tidings/yoga'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { tidingsExchange } from '../../client/tidings-exchange.ts'
import type { TransportName } from '../../client/transport/transport.ts'
import { silentLogger } from '../../src/logger.ts'
import { quick } from '../client/support/site.ts'
import { eventually, watch } from '../client/support/watch.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createTcpProxy, type TcpProxy } from '../support/proxy.ts'

const steps = 8
/** The number of steps that each task may take, by its key. */
const permitted = new Map<string, number>()
const count = defineTask({
  kind: 'COUNT',
  input: z.object({ key: z.string() }),
  async *run({ input: { key } }) {
    for (let step = 1; step <= steps; step++) {
      await eventually(() => expect(permitted.get(key)).toBeGreaterThanOrEqual(step))
      yield advance({ percent: (100 * step) / steps })
    }
  },
})

const undo = new AsyncDisposableStack()
let database: TestDatabase
let tidings: ReturnType<typeof createTidings>
let proxy: TcpProxy

beforeAll(async () => {
  database = undo.use(await createTestDatabase())
  tidings = undo.use(createTidings({ tasks: [count], databaseUrl: database.url, logger: silentLogger }))
  const server = createServer(createYoga({ schema: tidings.schema, logging: false, plugins: [useTidings(tidings)] }))
  await tidings.attach(server)
  await tidings.worker()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.defer(() => void server.close())
  proxy = undo.use(await createTcpProxy((server.address() as AddressInfo).port))
})
afterAll(() => undo.disposeAsync())

test.for<TransportName>(['websocket', 'sse', 'polling'])(
  'the client receives every event once and in order from the Yoga of a team over %s, although its connections are cut',
  async (transport) => {
    const { id } = await tidings.start(count, { key: transport }, { owner: 'local-developer' })
    const url = `http://127.0.0.1:${proxy.port}/graphql`
    await using exchange = tidingsExchange({ url, timing: quick, transports: [transport] })
    new UrqlClient({ url, exchanges: [cacheExchange, exchange, fetchExchange] })
    const { seqs, done } = watch(exchange, id)
    await eventually(() => expect(seqs.length).toBeGreaterThan(0))
    for (let step = 1; step <= steps; step++) {
      const before = seqs.length
      proxy.resetAll()
      permitted.set(transport, step)
      await eventually(() => expect(seqs.length).toBeGreaterThan(before))
    }
    await done
    const { rows } = await database.database.pool.query('select seq from tidings.event where topic = $1 order by seq', [
      `task:${id}`,
    ])
    expect(seqs).toEqual(rows.map(({ seq }) => Number(seq)))
    expect(seqs.length).toBeGreaterThan(steps)
  },
)
