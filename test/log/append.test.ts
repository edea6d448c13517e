import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Database, withTransaction } from '../../src/db/connect.ts'
import { type Appender, createAppender } from '../../src/log/append.ts'
import type { AppendRequest, TaskChange } from '../../src/log/append-request.ts'
import { runAppend } from '../../src/log/append-statement.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { createLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createTask, createTopic } from './support.ts'

let test: TestDatabase
let database: Database
beforeAll(async () => {
  test = await createTestDatabase()
  database = test.database
})
afterAll(async () => {
  await test[Symbol.asyncDispose]()
})

/** Warnings logged by the appenders of this file. Nothing should need a retry here. */
const warnings: string[] = []
const logger = createLogger({ level: 'warn', production: true, destination: { write: (line) => warnings.push(line) } })
afterEach(() => {
  expect(warnings).toEqual([])
})

const createTestAppender = (published: LogEvent[] = [], options: { maxGroup?: number } = {}): Appender =>
  createAppender({ database, logger, publish: (_topic, events) => published.push(...events), ...options })

const readEvents = async (
  topic: string,
): Promise<{ seq: number; type: string; payload: Record<string, unknown> }[]> => {
  const { rows } = await database.pool.query(
    'select seq, type, payload from tidings.event where topic = $1 order by seq',
    [topic],
  )
  return rows
}
interface TaskFields {
  status: string
  attempt: number
  worker: string | null
  progress: Record<string, unknown>
  result: Record<string, unknown> | null
  error: Record<string, unknown> | null
  lease_until: Date | null
  next_attempt_at: Date | null
  started_at: Date | null
  finished_at: Date | null
}
const readTask = async (id: string): Promise<TaskFields> => {
  const { rows } = await database.pool.query<TaskFields>('select * from tidings.task where id = $1', [id])
  if (rows[0] === undefined) throw new Error(`no task ${id}`)
  return rows[0]
}
const say = (topic: string, text = ''): AppendRequest => ({ topic, events: [{ type: 'Said', payload: { text } }] })

/** Creates what a runner appends: an event and the task's progress. */
const advance = (id: string, percent: number, change: Partial<TaskChange> = {}): AppendRequest => ({
  topic: `task:${id}`,
  events: [{ type: 'TaskAdvanced', payload: { progress: { percent } } }],
  task: { id, expect: ['RUNNING'], attempt: 1, worker: 'w_1', set: { progress: { percent } }, ...change },
})

describe('an append', () => {
  it('writes the event and the task’s row together and publishes what the log contains', async () => {
    const published: LogEvent[] = []
    await using appender = createTestAppender(published)
    await createTask(database, 'plain')
    const result = await appender.append(advance('plain', 40))
    expect(result).toMatchObject({ accepted: true, seq: 1 })
    expect((await readTask('plain')).progress).toEqual({ percent: 40 })
    const { rows } = await database.pool.query(`select * from tidings.event where topic = 'task:plain'`)
    expect(published).toEqual([{ ...rows[0], at: rows[0].at.toISOString() }])
    expect(result.accepted && result.events).toEqual(published)
  })

  it('gives several events of one request consecutive seqs and one timestamp', async () => {
    await using appender = createTestAppender()
    await createTopic(database, 'several')
    const events = ['a', 'b', 'c'].map((type) => ({ type, payload: {} }))
    const result = await appender.append({ topic: 'several', events })
    expect(result).toMatchObject({ accepted: true, seq: 3, events: [{ seq: 1 }, { seq: 2 }, { seq: 3 }] })
    expect((await readEvents('several')).map((event) => event.type)).toEqual(['a', 'b', 'c'])
    const { rows } = await database.pool.query(
      `select count(distinct at)::int as n from tidings.event where topic = 'several'`,
    )
    expect(rows).toEqual([{ n: 1 }])
  })

  it('adds the task’s resulting progress to its event, unless the event has its own', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'progress')
    const report = (payload: object, percent?: number): AppendRequest => ({
      topic: 'task:progress',
      events: [{ type: 'TaskTold', payload: { ...payload } }],
      task: {
        id: 'progress',
        expect: ['RUNNING'],
        ...(percent === undefined ? {} : { set: { progress: { percent } } }),
      },
    })
    const told: unknown[] = []
    for (const one of [
      report({}),
      report({}, 10),
      report({ progress: { percent: 20 } }, 20),
      report({ progress: { percent: 1 } }, 30),
      report({}),
    ]) {
      const result = await appender.append(one)
      told.push(result.accepted && result.events[0]?.payload['progress'])
    }
    expect(told).toEqual([0, 10, 20, 1, 30].map((percent) => ({ percent })))
    expect((await readEvents('task:progress')).map((event) => event.payload['progress'])).toEqual(told)
    expect((await readTask('progress')).progress).toEqual({ percent: 30 })
  })

  it('changes only the columns named by the patch', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'patch')
    const item = { key: 'k', position: 0, label: 'first', status: 'RUNNING', percent: 5, error: null } as const
    await appender.append(
      advance('patch', 1, { set: { error: { message: 'x' }, leaseMs: 5_000, nextAttemptInMs: 1_000 }, items: [item] }),
    )
    const first = await readTask('patch')
    expect(first).toMatchObject({
      status: 'RUNNING',
      attempt: 1,
      worker: 'w_1',
      error: { message: 'x' },
      finished_at: null,
    })
    expect((first.lease_until as Date).getTime() - (first.next_attempt_at as Date).getTime()).toBe(4_000)
    await appender.append(advance('patch', 2, { set: { error: null, worker: null }, items: [{ ...item, percent: 9 }] }))
    const second = await readTask('patch')
    expect(second).toEqual({ ...first, error: null, worker: null })
    const { rows } = await database.pool.query(
      `select key, percent, label from tidings.task_item where task_id = 'patch'`,
    )
    expect(rows).toEqual([{ key: 'k', percent: 9, label: 'first' }])
  })

  it('records when a task starts and ends', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'times')
    await database.pool.query(
      `update tidings.task set status = 'QUEUED', attempt = 0, worker = null, started_at = null where id = 'times'`,
    )
    const begin = { status: 'RUNNING', attempt: 1, worker: 'w_2' } as const
    const started = await appender.append({
      topic: 'task:times',
      events: [{ type: 'TaskStarted', payload: {} }],
      task: { id: 'times', expect: ['QUEUED', 'RETRYING'], attempt: 0, set: begin },
    })
    const ended = await appender.append({
      topic: 'task:times',
      close: true,
      events: [{ type: 'TaskCompleted', payload: {} }],
      task: {
        id: 'times',
        expect: ['RUNNING'],
        attempt: 1,
        worker: 'w_2',
        set: { status: 'COMPLETED', result: { ok: true } },
      },
    })
    const task = await readTask('times')
    expect(task).toMatchObject({ status: 'COMPLETED', attempt: 1, result: { ok: true } })
    expect([started, ended].map((one) => one.accepted && one.events[0]?.at)).toEqual(
      [task.started_at, task.finished_at].map((at) => (at as Date).toISOString()),
    )
  })
})

describe('the guard', () => {
  const change = (task: Partial<TaskChange>, request: Partial<AppendRequest> = {}): AppendRequest => ({
    ...advance('guarded', 77, task),
    ...request,
  })
  const cases: [string, AppendRequest, object][] = [
    ['another status', change({ expect: ['QUEUED', 'RETRYING'] }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['an earlier attempt', change({ attempt: 0 }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['a later attempt', change({ attempt: 2 }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['another worker', change({ worker: 'w_2' }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['a topic that is elsewhere', change({}, { base: 0 }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['a topic that is not there yet', change({}, { base: 2 }), { status: 'RUNNING', attempt: 1, seq: 1 }],
    ['a missing topic', change({}, { topic: 'nowhere' }), { status: 'RUNNING', attempt: 1, seq: null }],
    ['a missing task', change({ id: 'nobody' }), { status: null, attempt: null, seq: 1 }],
    ['a closed topic', { ...say('shut') }, { status: null, attempt: null, seq: 1 }],
  ]

  it.each(cases)('refuses a request that meets %s, and changes nothing', async (_name, request, expected) => {
    await using appender = createTestAppender()
    await database.pool.query(`delete from tidings.event where topic in ('task:guarded', 'shut')`)
    await database.pool.query(`delete from tidings.task where id = 'guarded'`)
    await database.pool.query(`delete from tidings.topic where name in ('task:guarded', 'shut')`)
    await createTask(database, 'guarded')
    await appender.append(advance('guarded', 5))
    await createTopic(database, 'shut')
    await appender.append({ ...say('shut'), close: true })
    const before = await readTask('guarded')
    expect(await appender.append(request)).toEqual({ accepted: false, ...expected })
    expect(await readTask('guarded')).toEqual(before)
    expect([...(await readEvents('task:guarded')), ...(await readEvents('shut'))]).toHaveLength(2)
  })

  it('refuses each request of a group separately', async () => {
    await using appender = createTestAppender()
    const ids = Array.from({ length: 40 }, (_, i) => `each_${i}`)
    for (const id of ids) await createTask(database, id)
    const outcomes = await Promise.all(
      ids.map((id, i) => appender.append(advance(id, 1, i % 3 === 0 ? { attempt: 9 } : {}))),
    )
    expect(outcomes.map((outcome) => outcome.accepted)).toEqual(ids.map((_, i) => i % 3 !== 0))
  })

  it('lets nothing follow the event that closed a topic, in any race', async () => {
    await using one = createTestAppender()
    await using other = createTestAppender()
    await createTask(database, 'final')
    const end = (status: 'COMPLETED' | 'CANCELED', type: string): AppendRequest => ({
      topic: 'task:final',
      close: true,
      events: [{ type, payload: {} }],
      task: { id: 'final', expect: ['RUNNING'], set: { status } },
    })
    const outcomes = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => one.append(advance('final', i))),
      one.append(end('COMPLETED', 'TaskCompleted')),
      other.append(end('CANCELED', 'TaskCanceled')),
      ...Array.from({ length: 10 }, (_, i) => other.append(advance('final', i))),
    ])
    const events = await readEvents('task:final')
    expect(events.filter((event) => event.type !== 'TaskAdvanced')).toEqual([events.at(-1)])
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1))
    expect(outcomes.filter((outcome) => outcome.accepted)).toHaveLength(events.length)
  })
})

describe('many appends at once', () => {
  it('leave no gap and assign no seq twice, from any process', async () => {
    const appenders = Array.from({ length: 4 }, () => createTestAppender())
    const topics = ['busy_0', 'busy_1', 'busy_2', 'busy_3', 'busy_4']
    for (const topic of topics) await createTopic(database, topic)
    const each = 60
    const outcomes = await Promise.all(
      appenders.flatMap((appender, a) =>
        topics.flatMap((topic) => Array.from({ length: each }, (_, i) => appender.append(say(topic, `${a}.${i}`)))),
      ),
    )
    for (const topic of topics) {
      const events = await readEvents(topic)
      expect(events.map((event) => event.seq)).toEqual(Array.from({ length: each * appenders.length }, (_, i) => i + 1))
      const given = outcomes.flatMap((one) => (one.accepted && one.events[0]?.topic === topic ? [one.seq] : []))
      expect(new Set(given).size).toBe(events.length)
      // Each appender's own events keep their order.
      for (const a of appenders.keys()) {
        const own = events.map((event) => String(event.payload['text'])).filter((text) => text.startsWith(`${a}.`))
        expect(own).toEqual(Array.from({ length: each }, (_, i) => `${a}.${i}`))
      }
    }
    for (const appender of appenders) await appender[Symbol.asyncDispose]()
  })

  it('share transactions', async () => {
    await using appender = createTestAppender()
    const topics = Array.from({ length: 50 }, (_, i) => `shared_${i}`)
    for (const topic of topics) await createTopic(database, topic)
    await Promise.all(topics.map((topic) => appender.append(say(topic))))
    const { rows } = await database.pool.query(
      `select count(distinct xmin::text)::int as transactions from tidings.event where topic like 'shared%'`,
    )
    expect(rows[0].transactions).toBeLessThan(10)
  })

  it('resolve and publish in the order of their topic', async () => {
    const published: LogEvent[] = []
    await using appender = createTestAppender(published, { maxGroup: 3 })
    for (const topic of ['order_0', 'order_1']) await createTopic(database, topic)
    const resolved: number[] = []
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const result = await appender.append(say(`order_${i % 2}`, String(i)))
        if (i % 2 === 0) resolved.push(result.seq ?? 0)
      }),
    )
    const due = Array.from({ length: 20 }, (_, i) => i + 1)
    expect(resolved).toEqual(due)
    for (const topic of ['order_0', 'order_1'])
      expect(published.filter((event) => event.topic === topic).map((event) => event.seq)).toEqual(due)
  })

  it('are not failed by another request that the database cannot store, which fails with the reason', async () => {
    await using appender = createTestAppender()
    const topics = Array.from({ length: 30 }, (_, i) => `poison_${i}`)
    for (const topic of topics) await createTopic(database, topic)
    const texts = ['a\u0000b', '\ud800', 'plain']
    const outcomes = await Promise.allSettled(
      topics.map((topic, i) => appender.append(say(topic, i === 7 ? texts[0] : i === 20 ? texts[1] : texts[2]))),
    )
    expect(outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [i] : []))).toEqual([7, 20])
    expect(outcomes[7]).toMatchObject({ reason: { code: 'BAD_INPUT', message: expect.stringContaining('poison_7') } })
    expect(await appender.append(say('poison_7'))).toMatchObject({ accepted: true, seq: 1 })
  })

  it('apply two requests of one task serially although their topics differ', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'twice')
    await createTopic(database, 'beside')
    await Promise.all([
      appender.append(advance('twice', 1, { set: { leaseMs: 1_000 } })),
      appender.append({ ...advance('twice', 2, { set: { progress: { percent: 2 } } }), topic: 'beside' }),
    ])
    const task = await readTask('twice')
    expect(task.lease_until).not.toBeNull()
    expect(task.progress).toEqual({ percent: 2 })
  })

  it('never deadlock, neither with each other nor with heartbeats', async () => {
    const ids = Array.from({ length: 24 }, (_, i) => `lock_${String(i).padStart(2, '0')}`)
    for (const id of ids) await createTask(database, id)
    const appenders = Array.from({ length: 4 }, () => createTestAppender())
    let isDone = false
    const beat = async (): Promise<void> => {
      while (!isDone)
        await database.pool.query(
          `update tidings.task set lease_until = now() + interval '10 s'
           where id in (select id from tidings.task where worker = 'w_1' order by id for no key update)`,
        )
    }
    const storm = async (appender: Appender, shift: number): Promise<void> => {
      for (let round = 0; round < 25; round++) {
        // Each sees the tasks in a different order, and each group is a different mix of them.
        const order = ids.map((_, i) => ids[(i * (2 * shift + 5) + round) % ids.length] ?? '')
        const outcomes = await Promise.all(
          order.slice(0, 6 + (round % 15)).map((id) => appender.append(advance(id, round))),
        )
        if (!outcomes.every((outcome) => outcome.accepted)) throw new Error('refused')
      }
    }
    const beats = [beat(), beat()]
    await Promise.all(appenders.map(storm))
    isDone = true
    await Promise.all(beats)
    for (const appender of appenders) await appender[Symbol.asyncDispose]()
  })
})

describe('an append inside a transaction', () => {
  it('is visible after the commit', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'inside')
    await withTransaction(database, async (client) => {
      expect(await appender.appendIn(client, advance('inside', 3))).toMatchObject({ accepted: true, seq: 1 })
      expect(await appender.appendIn(client, advance('inside', 4))).toMatchObject({ accepted: true, seq: 2 })
    })
    expect((await readTask('inside')).progress).toEqual({ percent: 4 })
  })

  it('leaves no trace after a rollback', async () => {
    await using appender = createTestAppender()
    await createTask(database, 'undone')
    const before = await readTask('undone')
    const work = withTransaction(database, async (client) => {
      await appender.appendIn(client, advance('undone', 99))
      throw new Error('no')
    })
    await expect(work).rejects.toThrow('no')
    expect(await readTask('undone')).toEqual(before)
    expect(await readEvents('task:undone')).toEqual([])
    expect(await appender.append(advance('undone', 1))).toMatchObject({ accepted: true, seq: 1 })
  })

  it('blocks appends to the same topic until the transaction ends', async () => {
    await using appender = createTestAppender()
    await createTopic(database, 'held')
    let other: Promise<unknown> | undefined
    await withTransaction(database, async (client) => {
      await appender.appendIn(client, say('held', 'first'))
      other = appender.append(say('held', 'second'))
      await client.query('select pg_sleep(0.05)')
    })
    await expect(other).resolves.toMatchObject({ accepted: true, seq: 2 })
    expect((await readEvents('held')).map((event) => event.payload['text'])).toEqual(['first', 'second'])
  })
})

describe('a task that changes while an append waits for it', () => {
  it.each([
    { change: `status = 'CANCELED'`, accepted: false },
    { change: 'attempt = 2', accepted: false },
    { change: `worker = 'w_2'`, accepted: false },
    { change: `lease_until = now() + interval '1 minute'`, accepted: true },
  ])('is checked in its new state: $change', async ({ change, accepted }) => {
    await using appender = createTestAppender()
    const id = `waited_${change.replaceAll(/\W/g, '')}`
    await createTask(database, id)
    let append: Promise<unknown> | undefined
    await withTransaction(database, async (client) => {
      await client.query(`update tidings.task set ${change} where id = $1`, [id])
      append = appender.append(advance(id, 50))
      await vi.waitFor(async () => {
        const { rows } = await database.pool.query(
          `select from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'tidings append'`,
        )
        expect(rows.length).toBeGreaterThan(0)
      })
    })
    await expect(append).resolves.toMatchObject({ accepted })
    expect(await readEvents(`task:${id}`)).toHaveLength(accepted ? 1 : 0)
    expect((await readTask(id)).progress).toEqual({ percent: accepted ? 50 : 0 })
  })
})

describe('the end of an appender', () => {
  it('completes pending appends and accepts no more', async () => {
    const appender = createTestAppender()
    await createTopic(database, 'closing')
    const appends = Array.from({ length: 20 }, () => appender.append(say('closing')))
    await Promise.all([appender[Symbol.asyncDispose](), appender[Symbol.asyncDispose]()])
    expect((await Promise.all(appends)).map((result) => result.seq)).toEqual(appends.map((_, i) => i + 1))
    await expect(appender.append(say('closing'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await appender[Symbol.asyncDispose]()
  })
})

it('is not refused when another connection renews the epoch after a failover at the same time', async () => {
  await createTopic(database, 'moved')
  await database.pool.query(`update tidings.meta set value = 'cluster:00000000' where key = 'origin'`)
  const client = await database.pool.connect()
  let isFirst = true
  const renewing = {
    async query(config: pg.QueryConfig) {
      const result = await client.query(config)
      if (isFirst) await database.pool.query('select tidings.log_epoch()')
      isFirst = false
      return result
    },
  } as pg.ClientBase
  const results = await runAppend(renewing, [{ topic: 'moved', events: [{ type: 'First', payload: {} }] }], {
    isPrepared: false,
  })
  client.release()
  expect(results).toMatchObject([{ accepted: true, seq: 1 }])
})
