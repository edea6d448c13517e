import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { type Appender, createAppender } from '../../src/log/append.ts'
import type { AppendRequest } from '../../src/log/append-request.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { hangMs } from '../support/patience.ts'
import type { TcpProxy } from '../support/proxy.ts'
import { createDatabaseProxy, createTask, eventually } from './support.ts'

let test: TestDatabase
let proxy: TcpProxy
/** Connected through a proxy that fails on demand. */
let remote: Database
beforeAll(async () => {
  test = await createTestDatabase()
  const proxied = await createDatabaseProxy(test.url)
  proxy = proxied.proxy
  remote = await connectDatabase({ url: proxied.url, maxConnections: 4, logger: silentLogger })
})
afterAll(async () => {
  await remote[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await test[Symbol.asyncDispose]()
})

const createRemoteAppender = (published: LogEvent[] = [], options: { retryMs?: number } = {}): Appender =>
  createAppender({
    database: remote,
    logger: silentLogger,
    publish: (_topic, events) => published.push(...events),
    connections: 1,
    ...options,
  })
const createDirectAppender = (): Appender =>
  createAppender({ database: test.database, logger: silentLogger, publish: () => undefined })

const advance = (id: string, percent: number, base?: number): AppendRequest => ({
  topic: `task:${id}`,
  ...(base === undefined ? {} : { base }),
  events: [{ type: 'TaskAdvanced', payload: { progress: { percent } } }],
  task: { id, expect: ['RUNNING'], attempt: 1, set: { progress: { percent } } },
})
const readLog = async (id: string): Promise<{ seq: number; percent: number; at: string }[]> => {
  const { rows } = await test.database.pool.query(
    `select seq, (payload->'progress'->>'percent')::int as percent, at from tidings.event where topic = $1 order by seq`,
    [`task:${id}`],
  )
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }))
}
/**
 * Lets the next statement arrive and commit, and breaks the connection in the middle of its
 * response.
 */
const loseNextAnswer = async (appender: Appender, id: string): Promise<void> => {
  await appender.append(advance(id, 0))
  proxy.cutAfter(5, 'toClient')
}

describe('an append with a lost response', () => {
  it('is found in the log when it is repeated, and is neither lost nor written twice', async () => {
    const published: LogEvent[] = []
    await using appender = createRemoteAppender(published)
    await createTask(test.database, 'found')
    await loseNextAnswer(appender, 'found')
    const append = appender.append(advance('found', 1, 1))
    await eventually(async () => expect(await readLog('found')).toHaveLength(2))
    await proxy.heal()
    await expect(append).resolves.toMatchObject({ accepted: true, seq: 2 })
    expect(await readLog('found')).toHaveLength(2)
    // Published as it is in the log, with the time of the first attempt.
    expect(published.map(({ seq, at }) => ({ seq, at }))).toEqual(
      (await readLog('found')).map(({ seq, at }) => ({ seq, at })),
    )
  })

  it('is found although other events were written since', async () => {
    await using appender = createRemoteAppender()
    await using other = createDirectAppender()
    await createTask(test.database, 'since')
    await loseNextAnswer(appender, 'since')
    const append = appender.append(advance('since', 1, 1))
    await eventually(async () => expect(await readLog('since')).toHaveLength(2))
    await other.append({
      topic: 'task:since',
      close: true,
      events: [{ type: 'TaskCanceled', payload: {} }],
      task: { id: 'since', expect: ['RUNNING'], set: { status: 'CANCELED' } },
    })
    await proxy.heal()
    await expect(append).resolves.toMatchObject({ accepted: true, seq: 2 })
    expect(await appender.append(advance('since', 2, 2))).toMatchObject({ accepted: false, status: 'CANCELED', seq: 3 })
  })

  it('fails when a retry is indistinguishable from the first attempt', async () => {
    await using appender = createRemoteAppender()
    await createTask(test.database, 'blind')
    await loseNextAnswer(appender, 'blind')
    await expect(appender.append(advance('blind', 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('task:blind'),
    })
    await proxy.heal()
  })
})

describe('an append that does not reach the database', () => {
  it('is not mistaken for written because another event has its seq', async () => {
    await using appender = createRemoteAppender()
    await using other = createDirectAppender()
    await createTask(test.database, 'place')
    await appender.append(advance('place', 0))
    // Nothing of the next statement arrives.
    proxy.cutAfter(0, 'toServer')
    proxy.refuse()
    const append = appender.append(advance('place', 50, 1))
    await other.append(advance('place', 60))
    await proxy.heal()
    await expect(append).resolves.toEqual({ accepted: false, status: 'RUNNING', attempt: 1, seq: 2 })
    expect((await readLog('place')).map(({ percent }) => percent)).toEqual([0, 60])
  })

  it('is written when the database is back, also without a base, as it was never sent', async () => {
    await createTask(test.database, 'patient')
    proxy.refuse()
    proxy.resetAll()
    await using appender = createRemoteAppender()
    const append = appender.append(advance('patient', 1))
    await proxy.accept()
    await expect(append).resolves.toMatchObject({ accepted: true, seq: 1 })
  })

  it('finally fails with an error that says a retry may help', async () => {
    await createTask(test.database, 'impatient')
    proxy.refuse()
    proxy.resetAll()
    await using appender = createRemoteAppender([], { retryMs: 50 })
    await expect(appender.append(advance('impatient', 1, 0))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      retryable: true,
    })
    await proxy.heal()
  })
})

describe('an append to a topic locked by another transaction', () => {
  it('waits for it without delaying other appends of the same statement', async () => {
    await using appender = createDirectAppender()
    for (const id of ['locked', 'free_1', 'free_2', 'free_3']) await createTask(test.database, id)
    const client = await test.database.pool.connect()
    await client.query('begin')
    await client.query(`select 1 from tidings.topic where name = 'task:locked' for update`)
    let isLockedWritten = false
    const locked = appender.append(advance('locked', 1)).finally(() => {
      isLockedWritten = true
    })
    const free = ['free_1', 'free_2', 'free_3'].map((id) => appender.append(advance(id, 1)))
    expect(await Promise.all(free)).toMatchObject(free.map(() => ({ accepted: true })))
    expect(isLockedWritten).toBe(false)
    await client.query('rollback')
    client.release()
    expect(await locked).toMatchObject({ accepted: true, seq: 1 })
  })
})

describe('many appends while connections are killed', () => {
  it('neither lose nor repeat an event of a writer that knows its base', async () => {
    await using appender = createAppender({
      database: test.database,
      logger: silentLogger,
      publish: () => undefined,
      retryMs: hangMs,
    })
    const ids = Array.from({ length: 12 }, (_, i) => `storm_${i}`)
    for (const id of ids) await createTask(test.database, id)
    const leastEach = 60
    const leastKilled = 5
    let killed = 0
    let isDone = false
    const kill = async (): Promise<void> => {
      while (!isDone) {
        const { rows } = await test.database.pool.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where application_name = 'tidings append' and datname = current_database() and random() < 0.5`,
        )
        killed += rows.length
        await test.database.pool.query('select pg_sleep(0.02)')
      }
    }
    const killing = kill()
    const written = await Promise.all(
      ids.map(async (id) => {
        let base = 0
        let i = 0
        // A fast machine writes sixty before the first connection is killed.
        for (; i < leastEach || killed < leastKilled; i++) {
          const result = await appender.append(advance(id, i, base))
          if (!result.accepted) throw new Error(`refused at ${base}: ${JSON.stringify(result)}`)
          base = result.seq
        }
        return { id, count: i }
      }),
    )
    isDone = true
    await killing
    for (const { id, count } of written)
      expect((await readLog(id)).map(({ percent }) => percent)).toEqual(Array.from({ length: count }, (_, i) => i))
  })
})
