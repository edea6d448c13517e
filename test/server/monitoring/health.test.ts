import { expect, test } from 'vitest'
import { connectDatabase } from '../../../src/db/connect.ts'
import { silentLogger } from '../../../src/logger.ts'
import { startHealthServer } from '../../../src/server/monitoring/health-server.ts'
import { createTestDatabase } from '../../support/database.ts'
import { startTestEngine } from '../../support/engine.ts'
import { createTcpProxy } from '../../support/proxy.ts'
import { startRedis } from '../../support/redis.ts'
import { secret, startTestServer, until } from '../support.ts'

const read = async (url: string, path: string) => {
  const response = await fetch(`${url}${path}`)
  return { status: response.status, body: (await response.json()) as unknown }
}

test('is live and ready for every client and address', async () => {
  await using fixture = await startTestServer({ environment: { JWT_SECRET: secret } })
  expect(await read(fixture.server.url, '/health/live')).toEqual({ status: 200, body: { status: 'alive' } })
  expect(await read(fixture.server.url, '/health/ready')).toEqual({
    status: 200,
    body: { status: 'ready', database: 'up', bus: 'memory' },
  })
})

test('responds with the request id under which it is logged: the given one, or a new one', async () => {
  await using fixture = await startTestServer()
  const ask = async (id?: string) => {
    const response = await fetch(
      `${fixture.server.url}/health/live`,
      id === undefined ? {} : { headers: { 'x-request-id': id } },
    )
    return response.headers.get('x-request-id')
  }
  expect(await ask('balancer-7')).toBe('balancer-7')
  expect(await ask('not an id')).toMatch(/^[0-9a-f-]{36}$/)
  expect(await ask()).not.toBe(await ask())
})

test('is not ready within about a second when the database does not respond, but still live, and ready again afterwards', async () => {
  await using test = await createTestDatabase()
  const { port, searchParams } = new URL(test.url)
  const socketDirectory = searchParams.get('host')
  await using proxy = await createTcpProxy(
    socketDirectory === null ? Number(port) : `${socketDirectory}/.s.PGSQL.${searchParams.get('port') ?? '5432'}`,
  )
  const url = new URL(test.url)
  url.search = ''
  url.host = `127.0.0.1:${proxy.port}`
  await using database = await connectDatabase({ url: url.href, maxConnections: 2, logger: silentLogger })
  await using server = await startHealthServer({
    health: { database, bus: { kind: 'memory', isConnected: () => true } },
    host: '127.0.0.1',
    port: 0,
  })
  const base = `http://127.0.0.1:${server.port}`
  expect((await read(base, '/health/ready')).status).toBe(200)
  proxy.stall()
  expect(await read(base, '/health/ready')).toEqual({
    status: 503,
    body: { status: 'not ready', database: 'down', bus: 'memory' },
  })
  expect((await read(base, '/health/live')).status).toBe(200)
  proxy.resume()
  await until(async () => expect((await read(base, '/health/ready')).status).toBe(200))
})

test('stays ready while Redis is unavailable, and reports it', async () => {
  await using redis = await startRedis()
  await using engine = await startTestEngine({ definitions: [], redisUrl: redis.url })
  await using fixture = await startTestServer({ on: engine })
  await until(async () =>
    expect(await read(fixture.server.url, '/health/ready')).toMatchObject({ status: 200, body: { bus: 'connected' } }),
  )
  await redis.stop()
  await until(async () =>
    expect(await read(fixture.server.url, '/health/ready')).toMatchObject({ status: 200, body: { bus: 'away' } }),
  )
})
