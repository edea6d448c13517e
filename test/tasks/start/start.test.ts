import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TidingsError } from '../../../src/errors.ts'
import { advance } from '../../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'
import { startRedis } from '../../support/redis.ts'

shareDatabase()

const work = createTaskDefinition({
  kind: 'WORK',
  input: z.object({ name: z.string().optional(), count: z.number().optional() }),
  async *run({ input }) {
    yield advance({ percent: 50 })
    return { name: input.name ?? null }
  },
}) as TaskDefinition
const definitions = [work]
/** No started task runs. */
const idle = { ROLE: 'server' } as const
/** Returns an incompressible text with the most bytes possible for its length. */
const makeWide = (length: number): string =>
  Array.from({ length }, (_, index) => String.fromCharCode(0x4e00 + ((index * 7_919) % 20_000))).join('')

describe('start', () => {
  test('queues a task, publishes it, and returns it', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const { task, isNew } = await fixture.engine.tasks.start({ kind: 'WORK', input: { name: 'a' }, owner: 'u_1' })
    expect(isNew).toBe(true)
    expect(task).toMatchObject({
      kind: 'WORK',
      status: 'QUEUED',
      owner: 'u_1',
      input: { name: 'a' },
      attempt: 0,
      seq: 1,
    })
    expect(typesOf(await fixture.events(task))).toEqual(['TaskQueued'])
  })

  test('refuses an invalid input, naming the invalid fields', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    await expect(fixture.start('WORK', { input: { name: 7 } })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      details: { issues: [{ path: 'name' }] },
    })
    await expect(fixture.start('NOTHING')).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'There is no kind of task "NOTHING"',
    })
    expect(await fixture.engine.store.list({ owner: 'u_1', limit: 10 })).toEqual([])
  })

  test('refuses text that the database cannot store', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    for (const input of [{ name: 'a\u0000b' }, { name: '\ud83d' }])
      await expect(fixture.start('WORK', { input })).rejects.toMatchObject({ code: 'BAD_INPUT' })
    for (const idempotencyKey of ['a\u0000b', 'x'.repeat(256)])
      await expect(fixture.start('WORK', { idempotencyKey })).rejects.toMatchObject({
        code: 'BAD_INPUT',
        details: { issues: [{ path: 'idempotencyKey' }] },
      })
    // The widest owner with the longest key fits into the index.
    const [owner, idempotencyKey] = [makeWide(200), makeWide(255)]
    const first = await fixture.start('WORK', { owner, idempotencyKey })
    expect((await fixture.start('WORK', { owner, idempotencyKey })).id).toBe(first.id)
  })

  test('lets the application set the subject and the parts, in the same transaction', async () => {
    const definition: TaskDefinition = {
      ...work,
      async begin(client, _input, { taskId, owner }) {
        await client.query('insert into begun values ($1, $2)', [taskId, owner])
        return { subject: 'r_1', items: [{ key: 'a', label: 'A' }] }
      },
    }
    await using fixture = await startTestEngine({ definitions: [definition], config: idle })
    await fixture.database.pool.query('create table begun (task text, owner text)')
    const task = await fixture.start('WORK')
    expect(task).toMatchObject({ subject: 'r_1', progress: { totalItems: 1 } })
    expect(await fixture.items(task)).toMatchObject([{ key: 'a', status: 'PENDING', position: 0 }])
    expect((await fixture.database.pool.query('select * from begun')).rows).toEqual([{ task: task.id, owner: 'u_1' }])
  })

  test('is rolled back by a begin that throws, also after it has written', async () => {
    const definition: TaskDefinition = {
      ...work,
      async begin(client, _input, { taskId }) {
        await client.query('insert into begun values ($1)', [taskId])
        throw new TidingsError('CONFLICT', 'The roadmap is busy')
      },
    }
    await using fixture = await startTestEngine({ definitions: [definition], config: idle })
    await fixture.database.pool.query('create table begun (task text)')
    await expect(fixture.start('WORK', { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'The roadmap is busy',
    })
    for (const table of ['public.begun', 'tidings.task', 'tidings.topic', 'tidings.event', 'tidings.idempotency'])
      expect((await fixture.database.pool.query(`select * from ${table}`)).rows).toEqual([])
  })
})

describe('an idempotency key', () => {
  test('returns the same task, also when the input lists its fields in another order', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const first = await fixture.engine.tasks.start({
      kind: 'WORK',
      input: { name: 'a', count: 1 },
      owner: 'u_1',
      idempotencyKey: 'k',
    })
    const again = await fixture.engine.tasks.start({
      kind: 'WORK',
      input: { count: 1, name: 'a' },
      owner: 'u_1',
      idempotencyKey: 'k',
    })
    expect(again).toMatchObject({ isNew: false, task: { id: first.task.id } })
  })

  test('is refused with another input, naming the key', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    await fixture.start('WORK', { input: { name: 'a' }, idempotencyKey: 'k' })
    await expect(fixture.start('WORK', { input: { name: 'b' }, idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      message: expect.stringContaining('"k"'),
    })
  })

  test('is separate for each owner', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const mine = await fixture.start('WORK', { idempotencyKey: 'k', owner: 'u_1' })
    const theirs = await fixture.start('WORK', { idempotencyKey: 'k', owner: 'u_2', input: { name: 'b' } })
    expect(theirs.id).not.toBe(mine.id)
  })

  test('creates one task for twenty concurrent requests on two engines, with a begin that admits one', async () => {
    const exclusive: TaskDefinition = {
      ...work,
      async begin(client, _input, { taskId }) {
        await client.query(`select 1 from thing where id = 1 for update`)
        const { rowCount } = await client.query('update thing set busy = $1 where id = 1 and busy is null', [taskId])
        if (rowCount === 0) throw new TidingsError('CONFLICT', 'The thing is busy')
        return { subject: 'thing' }
      },
    }
    await using first = await startTestEngine({ definitions: [exclusive], config: idle })
    await using second = await startTestEngine({ definitions: [exclusive], config: idle, on: first.test })
    await first.database.pool.query('create table thing (id int, busy text)')
    await first.database.pool.query('insert into thing values (1)')
    const request = { kind: 'WORK', input: {}, owner: 'u_1', idempotencyKey: 'k' }
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? first : second).engine.tasks.start(request)),
    )
    expect(new Set(outcomes.map(({ task }) => task.id)).size).toBe(1)
    expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect((await first.database.pool.query('select count(*) as count from tidings.task')).rows).toEqual([{ count: 1 }])
  })

  test('expires after its hours', async () => {
    await using fixture = await startTestEngine({ definitions, config: { ...idle, IDEMPOTENCY_HOURS: 2 } })
    const first = await fixture.start('WORK', { idempotencyKey: 'k' })
    const age = (interval: string) =>
      fixture.database.pool.query(`update tidings.idempotency set created_at = now() - $1::interval`, [interval])
    await age('119 minutes')
    expect((await fixture.start('WORK', { idempotencyKey: 'k' })).id).toBe(first.id)
    await age('121 minutes')
    const second = await fixture.start('WORK', { idempotencyKey: 'k', input: { name: 'other' } })
    expect(second.id).not.toBe(first.id)
    expect((await fixture.start('WORK', { idempotencyKey: 'k', input: { name: 'other' } })).id).toBe(second.id)
  })

  test('distinguishes the retries of two tasks', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const tasks = [await fixture.start('WORK'), await fixture.start('WORK')] as const
    for (const { id } of tasks) await fixture.engine.tasks.cancel(id)
    const { task } = await fixture.engine.tasks.retry(tasks[0].id, { idempotencyKey: 'k' })
    expect(task).toMatchObject({ retryOf: tasks[0].id, status: 'QUEUED' })
    expect(await fixture.engine.tasks.retry(tasks[0].id, { idempotencyKey: 'k' })).toMatchObject({
      isNew: false,
      task: { id: task.id },
    })
    await expect(fixture.engine.tasks.retry(tasks[1].id, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
  })
})

describe('the limit of starts', () => {
  test('refuses starts beyond it, over all engines, and says when to retry', async () => {
    await using redis = await startRedis()
    const config = { ...idle, MAX_STARTS_PER_MINUTE: 3 }
    await using first = await startTestEngine({ definitions, config, redisUrl: redis.url })
    await using second = await startTestEngine({ definitions, config, redisUrl: redis.url, on: first.test })
    await first.start('WORK')
    const known = await second.start('WORK', { idempotencyKey: 'k' })
    await first.start('WORK')
    for (const fixture of [first, second])
      await expect(fixture.start('WORK')).rejects.toMatchObject({
        code: 'RATE_LIMITED',
        details: { retryAfterMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 60_000) },
      })
    // A repeated request starts nothing, and starts of other users do not count.
    expect((await first.start('WORK', { idempotencyKey: 'k' })).id).toBe(known.id)
    await first.start('WORK', { owner: 'u_2' })
    await first.database.pool.query(`update tidings.task set created_at = created_at - interval '61 seconds'`)
    await first.start('WORK')
  })

  test('also counts tasks that were deleted since', async () => {
    await using fixture = await startTestEngine({ definitions, config: { ...idle, MAX_STARTS_PER_MINUTE: 2 } })
    for (let count = 0; count < 2; count++) {
      const { id } = await fixture.start('WORK')
      await fixture.engine.tasks.delete([id], 'Deleted.')
      expect(await fixture.engine.store.get(id)).toBeNull()
    }
    await expect(fixture.start('WORK')).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await fixture.start('WORK', { owner: 'u_2' })
  })

  test('holds for concurrent requests', async () => {
    const config = { ...idle, MAX_STARTS_PER_MINUTE: 3 }
    await using fixture = await startTestEngine({ definitions, config })
    const outcomes = await Promise.allSettled(Array.from({ length: 15 }, () => fixture.start('WORK')))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  })
})

describe('retry', () => {
  test('is for failed and canceled tasks', async () => {
    await using fixture = await startTestEngine({ definitions, config: idle })
    const task = await fixture.start('WORK')
    await expect(fixture.engine.tasks.retry(task.id, {})).rejects.toMatchObject({ code: 'CONFLICT' })
    for (const id of ['task_none', 'task\u0000', ''])
      await expect(fixture.engine.tasks.retry(id, {})).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
