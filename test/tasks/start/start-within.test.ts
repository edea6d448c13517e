import fc from 'fast-check'
import pg from 'pg'
import { TypeID } from 'typeid-js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { connectDatabase } from '../../../src/db/connect.ts'
import { toUnavailable } from '../../../src/db/retry.ts'
import type { Transaction } from '../../../src/db/transaction.ts'
import { isTidingsError } from '../../../src/errors.ts'
import { silentLogger } from '../../../src/logger.ts'
import { isStorable } from '../../../src/tasks/model/storable.ts'
import { emptyProgress } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { digestOf } from '../../../src/tasks/start/idempotency-key.ts'
import type { StartRequest } from '../../../src/tasks/start/start-request.ts'
import { startWithin } from '../../../src/tasks/start/start-within.ts'
import { type EngineFixture, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'

shareDatabase()

const work = createTaskDefinition({
  kind: 'WORK',
  input: z.object({ name: z.string().optional() }),
  attempts: 2,
  // biome-ignore lint/correctness/useYield: a task without reports.
  async *run() {
    return {}
  },
}) as TaskDefinition
const begun: TaskDefinition = { ...work, kind: 'BEGUN', begin: () => Promise.resolve({ subject: 'thing' }) }
const definitions = [work, begun]
/** No started task runs. */
const idle = { ROLE: 'server' } as const

const start = (
  transaction: Transaction,
  request: Partial<StartRequest> = {},
  options: { readonly definition?: TaskDefinition; readonly maxStartsPerMinute?: number } = {},
) =>
  startWithin(
    transaction,
    { kind: 'WORK', input: {}, owner: 'u_1', ...request },
    { definition: work, maxStartsPerMinute: 60, idempotencyHours: 24, schema: 'tidings', ...options },
  )

/** Opens a connection of an application. */
async function connect({ test }: EngineFixture): Promise<pg.Client> {
  const client = new pg.Client(test.url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

async function begin(fixture: EngineFixture): Promise<pg.Client> {
  const client = await connect(fixture)
  await client.query('begin')
  return client
}

/** Whether a connection waits for a lock of another. */
const waits = async ({ database }: EngineFixture, { processID }: pg.Client & { processID?: number }) => {
  const { rowCount } = await database.pool.query(
    `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
    [processID],
  )
  return rowCount === 1
}

const stored = `select t.kind, t.status, t.owner, t.subject, t.input, t.attempt, t.max_attempts, t.progress, t.attempts, t.retry_of,
    t.trace, t.size, t.variant, p.seq, p.pruned_seq, p.closed, e.seq as event_seq, e.type, e.payload, e.at = t.created_at as is_same_time,
    k.key, k.digest
  from tidings.task t join tidings.topic p on p.name = 'task:' || t.id join tidings.event e on e.topic = p.name join tidings.idempotency k on k.task_id = t.id`

describe('a start in a transaction of the application', () => {
  test('writes what every start writes, and so does one in SQL', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await connect(fixture)
    const request = { input: { name: 'a' }, idempotencyKey: 'k' }
    await fixture.start('WORK', request)
    await start(client, { ...request, owner: 'u_2' })
    await client.query(`select tidings.start_task('WORK', '{"name": "a"}', 'u_3', 'k')`)
    const { rows } = await client.query(`${stored} order by owner`)
    expect(rows).toEqual([
      { ...rows[0], owner: 'u_1' },
      { ...rows[0], owner: 'u_2' },
      { ...rows[0], owner: 'u_3' },
    ])
    expect(rows[0]).toMatchObject({
      max_attempts: 2,
      progress: emptyProgress,
      payload: { status: 'QUEUED', progress: emptyProgress },
      is_same_time: true,
    })
  })

  test('has a TypeID of the time of the start', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await connect(fixture)
    const before = Date.now()
    const { id } = await start(client)
    const uuid = TypeID.fromString(id).toUUID()
    expect(id).toMatch(/^task_/)
    expect(uuid).toMatch(/^.{8}-.{4}-7.{3}-[89ab]/)
    const at = Number.parseInt(uuid.replace('-', '').slice(0, 12), 16)
    // The clocks are those of one machine.
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(Date.now())
  })

  test('does not exist before the commit, nor when a savepoint is rolled back', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await begin(fixture)
    const first = await start(client)
    await client.query('savepoint part')
    await start(client)
    await client.query('rollback to savepoint part')
    expect(await fixture.engine.store.get(first.id)).toBeNull()
    await expect(Array.fromAsync(fixture.engine.follow({ taskId: first.id }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await client.query('commit')
    expect(typesOf(await fixture.events(first))).toEqual(['TaskQueued'])
    for (const table of ['task', 'topic', 'event', 'started_task'])
      expect((await client.query(`select from tidings.${table}`)).rowCount, table).toBe(1)
  })

  test('blocks no other start of its owner while its transaction is open', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const open = await begin(fixture)
    await start(open, { idempotencyKey: 'open' })
    // Would hang.
    await fixture.start('WORK', { idempotencyKey: 'other' })
    await start(await begin(fixture), { idempotencyKey: 'third' })
    expect((await open.query('select from tidings.task')).rowCount).toBe(2)
  })

  test.each(['commit', 'rollback'])('lets another one with its key wait for its %s', async (end) => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const [first, second] = [await begin(fixture), await begin(fixture)]
    const { id } = await start(first, { idempotencyKey: 'k' })
    const other = start(second, { idempotencyKey: 'k' })
    await expect.poll(() => waits(fixture, second)).toBe(true)
    await first.query(end)
    if (end === 'commit') expect(await other).toEqual({ id, isNew: false })
    else expect((await other).isNew).toBe(true)
    await second.query('commit')
    expect((await fixture.start('WORK', { idempotencyKey: 'k' })).id).toBe((await other).id)
    expect((await first.query('select from tidings.task')).rowCount).toBe(1)
  })

  test('lets a start of the API with its key wait for its end', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await begin(fixture)
    const { id } = await start(client, { idempotencyKey: 'k' })
    const other = fixture.start('WORK', { idempotencyKey: 'k' })
    await expect
      .poll(
        async () => (await client.query(`select from pg_locks where not granted and locktype = 'advisory'`)).rowCount,
      )
      .toBe(1)
    await client.query('commit')
    expect((await other).id).toBe(id)
  })

  test('fails in an isolated transaction that cannot see the task of its key', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await connect(fixture)
    await client.query('begin isolation level repeatable read; select from tidings.task')
    await fixture.start('WORK', { idempotencyKey: 'k' })
    await expect(start(client, { idempotencyKey: 'k' })).rejects.toMatchObject({ code: '40001' })
  })

  test('makes a start of the API with its key UNAVAILABLE while its transaction stays open, and no other one', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    await using database = await connectDatabase({
      url: fixture.test.url,
      maxConnections: 4,
      statementMs: 200,
      logger: silentLogger,
    })
    await using server = await startTestEngine({ definitions, config: idle, on: { ...fixture.test, database } })
    const client = await begin(fixture)
    await start(client, { idempotencyKey: 'k' })
    await expect(server.start('WORK', { idempotencyKey: 'k' })).rejects.toSatisfy((error) =>
      isTidingsError(toUnavailable(error), 'UNAVAILABLE'),
    )
    await server.start('WORK', { idempotencyKey: 'other' })
  })

  test('that is refused leaves the transaction usable', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await begin(fixture)
    const { id } = await start(client, { idempotencyKey: 'k' })
    const refused = await Promise.allSettled([
      start(client, { input: { name: 7 } }),
      start(client, { input: { name: 'a\u0000' } }),
      start(client, { idempotencyKey: 'x'.repeat(256) }),
      start(client, { kind: 'BEGUN' }, { definition: begun }),
      start(client, { input: { name: 'b' }, idempotencyKey: 'k' }),
      start(client, {}, { maxStartsPerMinute: 1 }),
    ])
    expect(refused.map((result) => (result.status === 'rejected' ? result.reason.code : result.value))).toEqual([
      'BAD_INPUT',
      'BAD_INPUT',
      'BAD_INPUT',
      'BAD_INPUT',
      'IDEMPOTENCY_KEY_REUSED',
      'RATE_LIMITED',
    ])
    await client.query('commit')
    expect((await fixture.get({ id })).status).toBe('QUEUED')
  })

  test('says what a transaction has to return', async () => {
    await expect(start(() => Promise.resolve(undefined))).rejects.toThrow('The transaction returned no rows')
    await expect(start({ query: () => Promise.resolve({ rows: [] }) })).rejects.toThrow(TypeError)
  })

  test('takes no pool, which would run the statement outside of any transaction', () => {
    const pool = new pg.Pool()
    // @ts-expect-error: the type of a transaction excludes it.
    expect(() => start(pool satisfies Transaction)).toBeTypeOf('function')
  })
})

describe('tidings.start_task', () => {
  test.each([
    [`null, '{}', 'u_1'`, '22023', 'The kind NULL is none of a task; write it in upper case, such as EXPORT_REPORT'],
    [
      `'work', '{}', 'u_1'`,
      '22023',
      "The kind 'work' is none of a task; write it in upper case, such as EXPORT_REPORT",
    ],
    [`'WORK', null, 'u_1'`, '22023', 'The input of a task is a JSON object'],
    [`'WORK', '[]', 'u_1'`, '22023', 'The input of a task is a JSON object'],
    [`'WORK', '{}', ''`, '22023', 'A task needs an owner: the id of a user'],
    [`'WORK', '{}', 'u_1', repeat('x', 256)`, '22023', 'The idempotency key has 256 characters; at most 255 are taken'],
    [
      `'BEGUN', '{}', 'u_1'`,
      '0A000',
      'The kind BEGUN has a function begin, which the database cannot run; start it with Tidings',
    ],
    [
      `'WORK', '{"name": "b"}', 'u_1', 'k'`,
      '23505',
      "The idempotency key 'k' was used for another request; use a new key for a new request",
    ],
  ])('refuses %s', async (values, code, message) => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    await fixture.start('WORK', { idempotencyKey: 'k' })
    const client = await connect(fixture)
    await expect(client.query(`select tidings.start_task(${values})`)).rejects.toMatchObject({ code, message })
  })

  test('returns the task of its key, whichever way it was started', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await connect(fixture)
    const { id } = await fixture.start('WORK', { input: { name: 'a' }, idempotencyKey: 'k' })
    const { rows } = await client.query(`select tidings.start_task('WORK', '{"name": "a"}', 'u_1', 'k') as id`)
    expect(rows).toEqual([{ id }])
  })

  test('may be called by roles that have no right on the tables, with any search_path', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const client = await begin(fixture)
    const role = `app_${process.pid}`
    await client.query(`create role ${role}; set local search_path = pg_catalog; set local role ${role}`)
    const call = `select tidings.start_task('WORK', '{}', 'u_1') as id`
    await client.query('savepoint part')
    await expect(client.query(call)).rejects.toMatchObject({ code: '42501' })
    await client.query(`rollback to savepoint part; reset role;
      grant usage on schema tidings to ${role}; grant execute on all functions in schema tidings to ${role};
      set local role ${role}`)
    expect((await client.query(call)).rowCount).toBe(1)
    expect((await start(client)).isNew).toBe(true)
    await client.query('savepoint part')
    await expect(client.query('select from tidings.task')).rejects.toMatchObject({ code: '42501' })
    // With it the role, which is one of the whole cluster.
    await client.query('rollback')
  })
})

test('the database makes the digests of requests as Node does', async () => {
  await using fixture = await startTestEngine({ definitions, config: idle })
  const text = fc.string({ unit: 'grapheme' }).filter((value) => isStorable(value))
  const name = fc.string({ unit: fc.constantFrom(...'aZ019-"\\/\n\u0001é\u2028漢'), maxLength: 4 })
  const input = fc.dictionary(
    name,
    fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        text,
        fc.integer(),
        fc.constantFrom(null, true, false, 0.1, -12.5, 1e20, 1.5e-6),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(name, tie('value'), { maxKeys: 3 }),
      ),
    })).value,
  )
  const inputs = fc.sample(input, 300)
  const { rows } = await fixture.database.pool.query<{ digest: string }>(
    `select tidings.digest_of('WORK', input) as digest
     from jsonb_array_elements($1) with ordinality as inputs (input, place) order by place`,
    [JSON.stringify(inputs)],
  )
  expect(rows.map(({ digest }) => digest)).toEqual(inputs.map((value) => digestOf({ kind: 'WORK', input: value })))
})
