import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPruner, pruneIdempotencyKeys, pruneTopics, trimTopics } from '../../src/log/event-retention.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import {
  append,
  appendMany,
  createMemoryWorld,
  createTask,
  createTopic,
  eventually,
  followTopic,
  positionOf,
  record,
  startNode,
  type TestNode,
} from './support.ts'

let test: TestDatabase
let node: TestNode
beforeAll(async () => {
  test = await createTestDatabase()
  node = await startNode({ database: test.database, bus: createMemoryWorld().connect() })
})
beforeEach(async () => {
  await test.database.pool.query(
    'delete from tidings.idempotency; delete from tidings.task; delete from tidings.event; delete from tidings.topic',
  )
})
afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await test[Symbol.asyncDispose]()
})

/** Creates a topic of three events that ended `hoursAgo`. */
async function createEnded(topic: string, hoursAgo: number): Promise<void> {
  await createTopic(test.database, topic)
  await appendMany(node, topic, 2)
  await append(node, topic, 'Last')
  await test.database.pool.query(
    `update tidings.event set at = now() - $2::float8 * interval '1 hour' where topic = $1`,
    [topic, hoursAgo],
  )
}
const readTopics = async (): Promise<unknown[]> => {
  const { rows } = await test.database.pool.query(
    `select name, pruned_seq as pruned, (select count(*)::int from tidings.event where topic = name) as events from tidings.topic order by name`,
  )
  return rows.map(({ name, pruned, events }) => `${name} ${pruned} ${events}`)
}

describe('pruning topics', () => {
  it('deletes only the events of topics that ended before the retention period', async () => {
    await createEnded('ended-long-ago', 30)
    await createEnded('ended-lately', 20)
    await createTopic(test.database, 'open')
    await appendMany(node, 'open', 2)
    await test.database.pool.query(`update tidings.event set at = now() - interval '1 year' where topic = 'open'`)
    expect(await pruneTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 1, events: 3 })
    expect(await readTopics()).toEqual(['ended-lately 0 3', 'ended-long-ago 3 0', 'open 0 2'])
    expect(await pruneTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 0, events: 0 })
  })

  it('keeps the events of tasks for the period of their kind', async () => {
    for (const [id, kind] of [
      ['short', 'SHORT'],
      ['long', 'LONG'],
      ['other', 'OTHER'],
    ] as const) {
      await createEnded(`task:${id}`, 20)
      await test.database.pool.query(
        `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
         values ($1, $2, 'COMPLETED', 'u_1', '{}', 1, '{}', now(), now())`,
        [id, kind],
      )
    }
    const options = { retentionHours: 24, retentionHoursByKind: { SHORT: 12, LONG: 36 } }
    await pruneTopics(test.database, options)
    expect(await readTopics()).toEqual(['task:long 0 3', 'task:other 0 3', 'task:short 3 0'])
    await test.database.pool.query(`update tidings.event set at = at - interval '10 hours'`)
    await pruneTopics(test.database, options)
    expect(await readTopics()).toEqual(['task:long 0 3', 'task:other 3 0', 'task:short 3 0'])
  })

  it('works in batches, shared by several processes', async () => {
    for (let i = 0; i < 10; i++) await createEnded(`batch_${i}`, 5)
    expect(await pruneTopics(test.database, { retentionHours: 1, maxTopics: 3 })).toEqual({ topics: 3, events: 9 })
    const both = await Promise.all([1, 2].map(() => pruneTopics(test.database, { retentionHours: 1, maxTopics: 100 })))
    expect(both.reduce((sum, { topics }) => sum + topics, 0)).toBe(7)
    expect(await readTopics()).toEqual(Array.from({ length: 10 }, (_, i) => `batch_${i} 3 0`))
  })

  it.each([
    ['from the beginning', { fromStart: true }, 'PRUNED@3'],
    ['from a cursor that is no longer kept', { after: 1 }, 'PRUNED@3'],
    ['from its end', { after: 3 }, ''],
    ['anew', {}, 'SUBSCRIBED@3'],
  ])('notifies a follower %s', async (_name, { fromStart, after }: { fromStart?: boolean; after?: number }, text) => {
    await createEnded('asked', 5)
    await pruneTopics(test.database, { retentionHours: 1 })
    const recording = record(
      followTopic(node, 'asked', {
        fromStart,
        after: after === undefined ? undefined : positionOf(node, after),
      }),
    )
    await recording.ended
    expect(recording.text).toBe(text)
  })
})

describe('trimming topics that continue', () => {
  it('deletes events older than the retention period, and reports that to readers that ask for it', async () => {
    await createTopic(test.database, 'goes-on')
    await appendMany(node, 'goes-on', 3)
    await test.database.pool.query(
      `update tidings.event set at = now() - interval '30 hours' where topic = 'goes-on' and seq <= 2`,
    )
    await createTopic(test.database, 'fresh')
    await appendMany(node, 'fresh', 2)
    await createEnded('ended-long-ago', 30)
    expect(await trimTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 1, events: 2 })
    expect(await readTopics()).toEqual(['ended-long-ago 0 3', 'fresh 0 2', 'goes-on 2 1'])
    expect(await trimTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 0, events: 0 })
  })

  it('may delete all existing events; later events continue the numbering', async () => {
    await createTopic(test.database, 'goes-on')
    await appendMany(node, 'goes-on', 2)
    await test.database.pool.query(`update tidings.event set at = now() - interval '30 hours'`)
    expect(await trimTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 1, events: 2 })
    expect(await trimTopics(test.database, { retentionHours: 24 })).toEqual({ topics: 0, events: 0 })
    await appendMany(node, 'goes-on', 1)
    expect(await readTopics()).toEqual(['goes-on 2 1'])
  })
})

describe('pruning idempotency keys', () => {
  it('deletes old ones, up to a limit', async () => {
    await createTask(test.database, 'keyed')
    await test.database.pool.query(
      `insert into tidings.idempotency (owner, key, digest, task_id, created_at)
       select 'u_1', 'k_' || i, '', 'keyed', now() - i * interval '1 hour' from generate_series(1, 30) i`,
    )
    expect(await pruneIdempotencyKeys(test.database, { keptHours: 10.5, maxKeys: 15 })).toBe(15)
    expect(await pruneIdempotencyKeys(test.database, { keptHours: 10.5, maxKeys: 15 })).toBe(5)
    const { rows } = await test.database.pool.query('select count(*)::int as n from tidings.idempotency')
    expect(rows).toEqual([{ n: 10 }])
  })
})

describe('a pruner', () => {
  const options = { logger: silentLogger, retentionHours: 1, idempotencyHours: 1 }

  it('prunes batch by batch until nothing is left', async () => {
    for (let i = 0; i < 5; i++) await createEnded(`left_${i}`, 5)
    await using pruner = createPruner({ ...options, database: test.database, everyMs: 60_000, batch: 2 })
    await pruner.run()
    expect(await readTopics()).toEqual(Array.from({ length: 5 }, (_, i) => `left_${i} 3 0`))
  })

  it('runs periodically until it is disposed', async () => {
    const pruner = createPruner({ ...options, database: test.database, everyMs: 10 })
    await createEnded('timed', 5)
    await eventually(async () => expect(await readTopics()).toEqual(['timed 3 0']))
    await pruner[Symbol.asyncDispose]()
    await createEnded('too-late', 5)
    await pruner.run()
    expect(await readTopics()).toContain('too-late 0 3')
  })

  it('survives an unavailable database', async () => {
    const away = await createTestDatabase()
    await using pruner = createPruner({ ...options, database: away.database, everyMs: 60_000 })
    await away[Symbol.asyncDispose]()
    await pruner.run()
  })
})
