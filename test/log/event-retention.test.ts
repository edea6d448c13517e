import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createPruner,
  pruneIdempotencyKeys,
  prunePartitions,
  pruneTopics,
  trimTopics,
} from '../../src/log/event-retention.ts'
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
  pruneOlderThan,
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

/** Ends a partition a number of hours ago. */
const splitAt = (hoursAgo: number): Promise<unknown> =>
  test.database.pool.query(
    `select tidings.split_event_partition(date_trunc('milliseconds', now()) - $1::int * interval '1 hour')`,
    [hoursAgo],
  )
const readPartitions = async (): Promise<{ lower: number; upper: number }[]> => {
  const { rows } = await test.database.pool.query<{ lower: number; upper: number }>(
    `select extract(epoch from lower)::float8 as lower, extract(epoch from upper)::float8 as upper from tidings.event_partition order by lower`,
  )
  return rows
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

describe('pruning partitions', () => {
  it('deletes only the events older than the retention period, also of topics that continue', async () => {
    await createEnded('ended-long-ago', 30)
    await createEnded('ended-lately', 20)
    await createTopic(test.database, 'open')
    await appendMany(node, 'open', 3)
    await test.database.pool.query(
      `update tidings.event set at = now() - interval '1 year' where topic = 'open' and seq <= 2`,
    )
    expect(await pruneOlderThan(test.database, 24)).toEqual({ topics: 2, partitions: 1 })
    expect(await readTopics()).toEqual(['ended-lately 0 3', 'ended-long-ago 3 0', 'open 2 1'])
    expect(await pruneOlderThan(test.database, 24)).toEqual({ topics: 0, partitions: 0 })
    await appendMany(node, 'open', 1)
    expect(await readTopics()).toContain('open 2 2')
  })

  it('stores the positions in batches, shared by several processes', async () => {
    for (let i = 0; i < 10; i++) await createEnded(`batch_${i}`, 5)
    const both = await Promise.all([1, 2].map(() => pruneOlderThan(test.database, 1, 3)))
    expect(both.reduce((sum, { topics }) => sum + topics, 0)).toBe(10)
    expect(await readTopics()).toEqual(Array.from({ length: 10 }, (_, i) => `batch_${i} 3 0`))
  })

  it('keeps events whose partition is not over', async () => {
    await createEnded('ended', 5)
    expect(await prunePartitions(test.database, { retentionHours: 4 })).toEqual({ topics: 0, partitions: 0 })
    expect(await readTopics()).toEqual(['ended 0 3'])
  })

  it('waits for a transaction that reads events, and delays no append meanwhile', async () => {
    await createEnded('ended', 5)
    await splitAt(1)
    const backup = await test.database.pool.connect()
    await backup.query('begin; select from tidings.event limit 1')
    const pruned = prunePartitions(test.database, { retentionHours: 1 })
    await createTopic(test.database, 'open')
    for (let i = 0; i < 20; i++) await appendMany(node, 'open', 1)
    // The position may have been stored already.
    expect(await readTopics()).toEqual([expect.stringMatching(/^ended \d 3$/), 'open 0 20'])
    await backup.query('commit')
    backup.release()
    expect(await pruned).toEqual({ topics: 1, partitions: 1 })
    expect(await readTopics()).toEqual(['ended 3 0', 'open 0 20'])
  })

  it('leaves no gap in any topic and a partition for any time', async () => {
    const hours = fc.integer({ min: -100, max: 200 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ do: fc.constant('append' as const), topic: fc.nat({ max: 2 }), hours }),
            fc.record({ do: fc.constant('split' as const), hours }),
            fc.record({ do: fc.constant('prune' as const), hours: fc.nat({ max: 150 }) }),
          ),
          { maxLength: 20 },
        ),
        async (steps) => {
          const { pool } = test.database
          await pool.query('delete from tidings.event; delete from tidings.topic')
          for (let topic = 0; topic < 3; topic++) await createTopic(test.database, `t${topic}`)
          for (const step of steps)
            if (step.do === 'append')
              await pool.query(
                `with next as (update tidings.topic set seq = seq + 1 where name = $1 returning seq)
                 insert into tidings.event select $1, seq, 'Old', now() - $2::int * interval '1 hour', '{}' from next`,
                [`t${step.topic}`, step.hours],
              )
            else if (step.do === 'split') await splitAt(step.hours)
            else await prunePartitions(test.database, { retentionHours: step.hours })
          const partitions = await readPartitions()
          expect(partitions[0]?.lower).toBe(Number.NEGATIVE_INFINITY)
          expect(partitions.at(-1)?.upper).toBe(Number.POSITIVE_INFINITY)
          expect(partitions.slice(1).map(({ lower }) => lower)).toEqual(
            partitions.slice(0, -1).map(({ upper }) => upper),
          )
          const { rows } = await pool.query(
            `select name from tidings.topic where
               (select count(*) from tidings.event where topic = name and seq > pruned_seq) <> seq - pruned_seq`,
          )
          expect(rows).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('adds a partition ahead of time, and makes up for a time without one', async () => {
    await prunePartitions(test.database, { retentionHours: 80 })
    const ahead = await readPartitions()
    expect(ahead.at(-1)?.lower).toBeGreaterThan(Date.now() / 1_000 + 3_600)
    await prunePartitions(test.database, { retentionHours: 80 })
    expect(await readPartitions()).toEqual(ahead)
    // As if nothing had run for a year, while the last partition took all events.
    await createTopic(test.database, 'open')
    await appendMany(node, 'open', 3)
    await prunePartitions(test.database, { retentionHours: 80_000 })
    expect((await readPartitions()).length).toBe(ahead.length + 1)
    expect(await readTopics()).toEqual(['open 0 3'])
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

  it('runs periodically until it is disposed, batch by batch', async () => {
    for (let i = 0; i < 5; i++) await createEnded(`left_${i}`, 5)
    await splitAt(1)
    const pruner = createPruner({ ...options, database: test.database, everyMs: 10, batch: 2 })
    await eventually(async () =>
      expect(await readTopics()).toEqual(Array.from({ length: 5 }, (_, i) => `left_${i} 3 0`)),
    )
    await pruner[Symbol.asyncDispose]()
    await createEnded('too-late', 5)
    await splitAt(1)
    await pruner.run()
    expect(await readTopics()).toContain('too-late 0 3')
  })

  it('deletes rows where a kind has a period of its own', async () => {
    await createEnded('task:short', 5)
    await createEnded('task:other', 5)
    await test.database.pool.query(
      `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
       values ('short', 'SHORT', 'COMPLETED', 'u_1', '{}', 1, '{}', now(), now())`,
    )
    await using pruner = createPruner({
      ...options,
      retentionHours: 10,
      retentionHoursByKind: { SHORT: 1 },
      database: test.database,
      everyMs: 60_000,
    })
    await splitAt(1)
    await pruner.run()
    expect(await readTopics()).toEqual(['task:other 0 3', 'task:short 3 0'])
    await splitAt(4)
    await using later = createPruner({
      ...options,
      retentionHours: 4,
      retentionHoursByKind: { SHORT: 1 },
      database: test.database,
      everyMs: 60_000,
    })
    await later.run()
    expect(await readTopics()).toEqual(['task:other 3 0', 'task:short 3 0'])
  })

  it('deletes other old rows while a transaction uses the events', async () => {
    await createEnded('ended', 5)
    await splitAt(1)
    await createTask(test.database, 'keyed')
    await test.database.pool.query(
      `insert into tidings.idempotency (owner, key, digest, task_id, created_at) values ('u_1', 'k', '', 'keyed', now() - interval '2 hours')`,
    )
    const backup = await test.database.pool.connect()
    await backup.query('begin; select from tidings.event limit 1')
    await using pruner = createPruner({ ...options, database: test.database, everyMs: 60_000 })
    const pruned = pruner.run()
    await eventually(async () => {
      const { rows } = await test.database.pool.query('select from tidings.idempotency')
      expect(rows).toEqual([])
    })
    expect(await readTopics()).toContainEqual(expect.stringMatching(/^ended \d 3$/))
    await backup.query('commit')
    backup.release()
    await pruned
    expect(await readTopics()).toContain('ended 3 0')
  })

  it('survives an unavailable database', async () => {
    const away = await createTestDatabase()
    await using pruner = createPruner({ ...options, database: away.database, everyMs: 60_000 })
    await away[Symbol.asyncDispose]()
    await pruner.run()
  })
})
