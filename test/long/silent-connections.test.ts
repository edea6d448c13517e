import { once } from 'node:events'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectDatabase, type Database, withTransaction } from '../../src/db/connect.ts'
import { classifyDatabaseError } from '../../src/db/failure.ts'
import { createListener } from '../../src/db/listen.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createTcpProxy, type TcpProxy } from '../support/proxy.ts'

let origin: TestDatabase
beforeAll(async () => {
  origin = await createTestDatabase()
})
afterAll(() => origin[Symbol.asyncDispose]())

/** Opens a database behind a proxy that can drop everything, with short limits. */
async function openRemote(
  options: { readonly maxConnections?: number; readonly statementMs?: number } = {},
): Promise<AsyncDisposable & { readonly proxy: TcpProxy; readonly database: Database }> {
  const url = new URL(origin.url)
  const directory = url.searchParams.get('host')
  await using stack = new AsyncDisposableStack()
  const proxy = stack.use(
    await createTcpProxy(
      directory === null ? Number(url.port) : join(directory, `.s.PGSQL.${url.searchParams.get('port')}`),
    ),
  )
  url.search = ''
  url.host = `127.0.0.1:${proxy.port}`
  const database = stack.use(
    await connectDatabase({ url: url.href, maxConnections: 6, statementMs: 1_000, logger: silentLogger, ...options }),
  )
  const opened = stack.move()
  return { proxy, database, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Opens `count` connections of a pool, and leaves them idle. */
async function warm(pool: pg.Pool, count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()))
  for (const client of clients) client.release()
}

describe('a database that vanishes without closing its connections', () => {
  test('fails the running statement as a connection failure, and the next one has a new connection', async () => {
    await using remote = await openRemote()
    await warm(remote.database.pool, 6)
    remote.proxy.halfOpen()
    await expect(remote.database.pool.query('select 1')).rejects.toMatchObject({ code: '08006' })
    // Not one of the other five, each of which would have to time out as well.
    expect((await remote.database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(remote.database.pool.totalCount).toBe(1)
  })

  test('costs the connections of every pool only one wait', async () => {
    await using remote = await openRemote()
    const other = remote.database.openPool({ applicationName: 'other', maxConnections: 3 })
    await warm(remote.database.pool, 2)
    await warm(other, 3)
    remote.proxy.halfOpen()
    await expect(other.query('select 1')).rejects.toMatchObject({ code: '08006' })
    expect(remote.database.pool.totalCount).toBe(0)
    expect((await remote.database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect((await other.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('is noticed by the connection that listens, which runs no statement', async () => {
    await using remote = await openRemote()
    const onListening = vi.fn<() => void>()
    const onNotification = vi.fn<(text: string) => void>()
    const channel = 'tidings.test'
    await using _listener = createListener({
      database: remote.database,
      channel,
      logger: silentLogger,
      onListening,
      onNotification,
    })
    await expect.poll(() => onListening.mock.calls).toHaveLength(1)
    await warm(remote.database.vitals, 1)
    remote.proxy.halfOpen()
    await expect(remote.database.vitals.query('select 1')).rejects.toMatchObject({ code: '08006' })
    await expect.poll(() => onListening.mock.calls).toHaveLength(2)
    await remote.database.pool.query('select pg_notify($1, $2)', [channel, 'again'])
    await expect.poll(() => onNotification.mock.calls).toEqual([['again']])
  })

  test('ends a transaction at once, without waiting for its rollback', async () => {
    await using remote = await openRemote({ maxConnections: 1 })
    const failed = withTransaction(remote.database, async (client) => {
      await client.query('create temporary table t (n int)')
      remote.proxy.halfOpen()
      await client.query('insert into t values (1)')
    }).then(
      () => null,
      (error: unknown) => classifyDatabaseError(error),
    )
    expect(await failed).toMatchObject({ isConnectionLost: true, isUndone: false })
    expect((await remote.database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('does not keep a transaction open in the server, with its locks', async () => {
    await using remote = await openRemote({ maxConnections: 1 })
    await expect(
      withTransaction(remote.database, async (client) => {
        await client.query('select pg_advisory_xact_lock(7)')
        remote.proxy.halfOpen()
        await client.query('select 1')
      }),
    ).rejects.toThrow()
    await expect
      .poll(async () => (await origin.database.pool.query('select pg_try_advisory_xact_lock(7) as free')).rows)
      .toEqual([{ free: true }])
  })

  test('does not keep the process from ending', async () => {
    await using remote = await openRemote()
    await warm(remote.database.pool, 6)
    remote.proxy.halfOpen()
    const hanging = remote.database.pool.query('select 1').catch(() => 'failed')
    await remote.database[Symbol.asyncDispose]()
    expect(await hanging).toBe('failed')
    expect(remote.database.pool.totalCount).toBe(0)
  })
})

describe('a responsive database', () => {
  test('ends a statement that takes too long, on a connection that is kept', async () => {
    await using remote = await openRemote({ maxConnections: 1 })
    const client = await remote.database.pool.connect()
    await expect(client.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    client.release()
    expect(remote.database.pool.totalCount).toBe(1)
  })

  test('lets a pool with a longer limit use it', async () => {
    await using remote = await openRemote({ statementMs: 200 })
    const patient = remote.database.openPool({ applicationName: 'patient', maxConnections: 1, statementMs: 60_000 })
    expect((await patient.query('select pg_sleep(1), 1 as one')).rows).toMatchObject([{ one: 1 }])
  })

  test('keeps its connections although this process was suspended', async () => {
    await using remote = await openRemote({ maxConnections: 1 })
    const client = await remote.database.pool.connect()
    const answered = client.query('select pg_sleep(0.1), 1 as one')
    const until = performance.now() + 2_500
    while (performance.now() < until);
    expect((await answered).rows).toMatchObject([{ one: 1 }])
    client.release()
  })

  test('does not close idle connections, however long they are silent', async () => {
    await using remote = await openRemote({ maxConnections: 2, statementMs: 100 })
    await warm(remote.database.pool, 2)
    const other = remote.database.openPool({ applicationName: 'other', maxConnections: 1 })
    await expect(other.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' })
    await other.query('select pg_sleep(0.05)')
    expect(remote.database.pool.totalCount).toBe(2)
  })

  test('gets heartbeats although all shared connections are in use', async () => {
    await using remote = await openRemote({ maxConnections: 1, statementMs: 5_000 })
    const client = await remote.database.pool.connect()
    expect((await remote.database.vitals.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    client.release()
  })
})

test('a connection is closed although its end is not answered', async () => {
  await using remote = await openRemote()
  const pool = remote.database.openPool({ applicationName: 'ending', maxConnections: 2 })
  const client = await pool.connect()
  remote.proxy.halfOpen()
  const ended = once(client, 'end')
  client.release(true)
  await ended
})
