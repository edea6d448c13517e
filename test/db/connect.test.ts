import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { afterCommit, connectDatabase, withSavepoint, withTransaction } from '../../src/db/connect.ts'
import { createLogger, silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { findFreePort } from '../support/port.ts'
import { createTcpProxy } from '../support/proxy.ts'

describe('connectDatabase', () => {
  test('reads bigint as number, also in lists, timestamptz as Date, and jsonb parsed', async () => {
    await using test = await createTestDatabase()
    const { rows } = await test.database.pool.query(
      `select 9007199254740991::bigint as big, array[1, null]::bigint[] as bigs,
        '2026-01-02T03:04:05.678Z'::timestamptz as at, '{"a": [1]}'::jsonb as json, count(*) as count from tidings.topic`,
    )
    expect(rows).toEqual([
      {
        big: 9007199254740991,
        bigs: [1, null],
        at: new Date('2026-01-02T03:04:05.678Z'),
        json: { a: [1] },
        count: 0,
      },
    ])
  })

  test('waits for a server that is just starting', async () => {
    await using test = await createTestDatabase()
    await using proxy = await createTcpProxy(socketOf(test.url))
    proxy.refuse()
    const lines: string[] = []
    const logger = createLogger({
      level: 'info',
      production: true,
      destination: { write: (line) => void lines.push(line) },
    })
    const connecting = connectDatabase({ url: throughProxy(test.url, proxy.port), maxConnections: 1, logger })
    await expect.poll(() => lines.join('')).toContain('waiting for the database')
    expect(lines.join('')).not.toContain(new URL(test.url).password)
    await proxy.accept()
    await using database = await connecting
    expect((await database.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('gives up on a server that never responds, naming it without its password', async () => {
    const port = await findFreePort()
    await expect(
      connectDatabase({
        url: `postgres://user:hunter2@127.0.0.1:${port}/name`,
        maxConnections: 1,
        logger: silentLogger,
        waitMs: 100,
      }),
    ).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        new RegExp(
          `postgres://user:\\(hidden\\)@127\\.0\\.0\\.1:${port}/name did not answer within 100 ms: connect ECONNREFUSED`,
        ),
      ),
    })
  })

  test('refuses a wrong password and an unknown database at once', async () => {
    await using test = await createTestDatabase()
    const connect = (change: (url: URL) => void) => {
      const url = new URL(test.url)
      change(url)
      return connectDatabase({ url: url.href, maxConnections: 1, logger: silentLogger })
    }
    await expect(connect((url) => (url.password = 'hunter2'))).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringMatching(/refuses the connection: password authentication failed.*correct DATABASE_URL/),
    })
    await expect(connect((url) => (url.pathname = '/nowhere'))).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('database "nowhere" does not exist'),
    })
  })

  test('connects to the server that accepts writes, of several', async () => {
    await using test = await createTestDatabase()
    await using proxy = await createTcpProxy(socketOf(test.url))
    const absent = `127.0.0.1:${await findFreePort()}`
    const present = `127.0.0.1:${proxy.port}`
    const open = (hosts: string, url = throughProxy(test.url, proxy.port)) =>
      connectDatabase({ url: url.replace(present, hosts), maxConnections: 2, waitMs: 50, logger: silentLogger })
    await using database = await open(`${absent},${present}`)
    const { rows } = await database.pool.query('select current_database() as name')
    expect(rows).toEqual([{ name: new URL(test.url).pathname.slice(1) }])

    await expect(open(`${absent},${absent}`)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('none of its 2 servers accepts writes: connect ECONNREFUSED'),
    })
    await expect(open(`${present},${present}`, `${throughProxy(test.url, proxy.port)}_`)).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('does not exist'),
    })
  })

  test('continues with new connections after all were broken, also those inside a transaction', async () => {
    await using test = await createTestDatabase()
    await using proxy = await createTcpProxy(socketOf(test.url))
    await using database = await connectDatabase({
      url: throughProxy(test.url, proxy.port),
      maxConnections: 4,
      logger: silentLogger,
    })
    await Promise.all(Array.from({ length: 3 }, () => database.pool.query('select pg_sleep(0.01)')))
    await expect(
      withTransaction(database, async (client) => {
        const ended = once(client, 'end')
        proxy.resetAll()
        await ended
        await client.query('select 1')
      }),
    ).rejects.toThrow()
    await expect.poll(() => database.pool.query('select 1 as one').then(({ rows }) => rows)).toEqual([{ one: 1 }])
  })

  test('disposes once, waits for running statements, and leaves no connection', async () => {
    await using test = await createTestDatabase()
    const name = 'disposing'
    const database = await connectDatabase({
      url: test.url,
      maxConnections: 3,
      logger: silentLogger,
      applicationName: name,
    })
    const slow = database.pool.query('select pg_sleep(0.1), 1 as one')
    await Promise.all([database[Symbol.asyncDispose](), database[Symbol.asyncDispose]()])
    expect((await slow).rows).toMatchObject([{ one: 1 }])
    const left = 'select count(*) as count from pg_stat_activity where application_name = $1'
    await expect.poll(async () => (await test.database.pool.query(left, [name])).rows).toEqual([{ count: 0 }])
  })

  test('reports the connections that are still in use at the end of the wait, and closes them', async () => {
    await using test = await createTestDatabase()
    const lines: string[] = []
    const logger = createLogger({
      level: 'warn',
      production: true,
      destination: { write: (line) => void lines.push(line) },
    })
    const database = await connectDatabase({ url: test.url, maxConnections: 1, logger })
    const client = await database.pool.connect()
    database.pool.query('select 1').catch(() => undefined)
    await database[Symbol.asyncDispose]()
    expect(lines.join('')).toContain('failed to close connections to the database in time')
    await expect(client.query('select 1')).rejects.toThrow()
    client.release(true)
    await expect(database.pool.query('select 1')).rejects.toThrow('Cannot use a pool after calling end')
  })

  test('treats a server that is not PostgreSQL as unreachable', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using undo = new AsyncDisposableStack()
    undo.defer(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    await expect(
      connectDatabase({ url: `postgres://127.0.0.1:${port}/x`, maxConnections: 1, logger: silentLogger, waitMs: 100 }),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('withTransaction', () => {
  test('commits on success, returns the result, and releases the connection', async () => {
    await using test = await createTestDatabase({ maxConnections: 1 })
    const result = await withTransaction(test.database, async (client) => {
      await client.query(`insert into tidings.topic (name) values ('a')`)
      return 7
    })
    expect(result).toBe(7)
    expect((await test.database.pool.query('select name from tidings.topic')).rows).toEqual([{ name: 'a' }])
  })

  test('rolls back on failure, throws the error, and releases the connection', async () => {
    await using test = await createTestDatabase({ maxConnections: 1 })
    await expect(
      withTransaction(test.database, async (client) => {
        await client.query(`insert into tidings.topic (name) values ('a')`)
        throw new Error('on second thought')
      }),
    ).rejects.toThrow('on second thought')
    expect((await test.database.pool.query('select name from tidings.topic')).rows).toEqual([])
    expect(test.database.pool.idleCount).toBe(1)
  })

  test('does not count as committed when the error of a statement was swallowed', async () => {
    await using test = await createTestDatabase({ maxConnections: 1 })
    const done: string[] = []
    const committing = withTransaction(test.database, async (client) => {
      afterCommit(client, () => done.push('told'))
      await client.query(`insert into tidings.topic (name) values ('a')`)
      await client.query('select 1 / 0').catch(() => undefined)
      return 'done'
    })
    await expect(committing).rejects.toThrow('nothing was committed')
    expect((await test.database.pool.query('select name from tidings.topic')).rows).toEqual([])
    expect(done).toEqual([])
    expect(test.database.pool.idleCount).toBe(1)
  })
})

function socketOf(url: string): string {
  const { searchParams } = new URL(url)
  return `${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}`
}

function throughProxy(url: string, port: number): string {
  const proxied = new URL(url)
  proxied.hostname = '127.0.0.1'
  proxied.port = String(port)
  proxied.search = ''
  return proxied.href
}

describe('a transaction', () => {
  test('runs its after-commit callbacks in order, and none of them after a rollback', async () => {
    await using test = await createTestDatabase()
    const done: string[] = []
    await withTransaction(test.database, async (client) => {
      afterCommit(client, () => done.push('first'))
      afterCommit(client, () => done.push('second'))
      expect(done).toEqual([])
    })
    await withTransaction(test.database, async (client) => {
      afterCommit(client, () => done.push('never'))
      throw new Error('rolled back')
    }).catch(() => undefined)
    expect(done).toEqual(['first', 'second'])
  })

  test('continues when a savepoint fails, without its changes and its after-commit callbacks', async () => {
    await using test = await createTestDatabase()
    const done: string[] = []
    await withTransaction(test.database, async (client) => {
      await client.query(`insert into tidings.meta values ('whole', '1')`)
      await withSavepoint(client, async () => afterCommit(client, () => done.push('kept')))
      const part = withSavepoint(client, async () => {
        await client.query(`insert into tidings.meta values ('part', '1')`)
        afterCommit(client, () => done.push('dropped'))
        await client.query('select 1 / 0')
      })
      await expect(part).rejects.toThrow('division by zero')
    })
    const { rows } = await test.database.pool.query(`select key from tidings.meta where key in ('whole', 'part')`)
    expect(rows).toEqual([{ key: 'whole' }])
    expect(done).toEqual(['kept'])
  })
})
