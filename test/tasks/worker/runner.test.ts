import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { TidingsError } from '../../../src/errors.ts'
import { FinalError, RetryableError } from '../../../src/tasks/model/failure.ts'
import { advance, declareItems, item, output, type Report, stage } from '../../../src/tasks/model/report.ts'
import type { TaskItem } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type Ending, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { progressOf, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'

shareDatabase()

const quick = { initialDelayMs: 1, maxDelayMs: 2 }

/** Creates a kind `K` without input; its attempts run `run` with their number. */
function kind(
  run: (attempt: number, items: readonly TaskItem[]) => AsyncGenerator<Report, Record<string, unknown>, void>,
  options: Partial<Omit<TaskDefinition, 'kind' | 'input' | 'run'>> = {},
): TaskDefinition {
  return createTaskDefinition({
    kind: 'K',
    input: z.object({}),
    backoff: quick,
    ...options,
    run: ({ attempt, items }) => run(attempt, items),
  }) as TaskDefinition
}

describe('an attempt', () => {
  test('completes with its return value, in the event and the row only', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 30 })
      return { documentId: 'd_1', nothing: undefined }
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await fixture.run('K')
    const last = events.at(-1)
    expect(last).toMatchObject({ type: 'TaskCompleted', payload: { status: 'COMPLETED', progress: { percent: 100 } } })
    expect(last?.payload['result']).toEqual({ documentId: 'd_1' })
    const task = await fixture.get({ id: String(last?.topic.slice('task:'.length)) })
    expect(task).toMatchObject({
      status: 'COMPLETED',
      result: { documentId: 'd_1' },
      error: null,
      attempt: 1,
      worker: null,
      seq: last?.seq,
      progress: { percent: 100, remainingMs: null },
    })
    expect(task.finishedAt).toBeInstanceOf(Date)
  })

  test('is retried after a transient failure, and reports when', async () => {
    const definition = kind(async function* (attempt) {
      yield stage(`attempt ${attempt}`, 50)
      if (attempt < 3) throw new RetryableError('PROVIDER_AWAY', 'The provider is away.', { advice: 'Wait.' })
      return { attempt }
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await fixture.run('K')
    expect(typesOf(events)).toEqual([
      'TaskQueued',
      'TaskStarted',
      'TaskAdvanced',
      'TaskRetrying',
      'TaskStarted',
      'TaskAdvanced',
      'TaskRetrying',
      'TaskStarted',
      'TaskAdvanced',
      'TaskCompleted',
    ])
    expect(events[3]?.payload).toMatchObject({
      status: 'RETRYING',
      attempt: 2,
      error: { code: 'PROVIDER_AWAY', message: 'The provider is away.', retryable: true, advice: 'Wait.' },
    })
    const nextAttemptAt = Date.parse(String(events[3]?.payload['nextAttemptAt']))
    expect(nextAttemptAt).toBeGreaterThanOrEqual(Date.parse(events[2]?.at ?? ''))
    expect(events[4]?.payload).toMatchObject({ attempt: 2, progress: { percent: 0, stage: null } })
    expect(events.at(-1)?.payload).toMatchObject({ result: { attempt: 3 } })
  })

  test('is not retried before the time requested by the failing service', async () => {
    const startedAt: number[] = []
    const definition = kind(async function* (attempt) {
      startedAt.push(Date.now())
      yield advance({ percent: 1 })
      if (attempt === 1) throw new RetryableError('BUSY', 'Busy.', { retryAfterMs: 400 })
      return {}
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.run('K')
    expect((startedAt[1] ?? 0) - (startedAt[0] ?? 0)).toBeGreaterThanOrEqual(400)
  })

  test('fails the task when it was the last one', async () => {
    const definition = kind(
      async function* (attempt) {
        yield advance({ percent: attempt })
        throw new RetryableError('PROVIDER_AWAY', 'The provider is away.')
      },
      { attempts: 2 },
    )
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await fixture.run('K')
    expect(typesOf(events).filter((type) => type === 'TaskStarted')).toHaveLength(2)
    expect(events.at(-1)).toMatchObject({
      type: 'TaskFailed',
      payload: { status: 'FAILED', error: { code: 'PROVIDER_AWAY', retryable: false } },
    })
  })

  test('fails the task at once, with advice, for a permanent reason', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 1 })
      throw new FinalError('UNSUPPORTED_FORMAT', 'This is no text.', { advice: 'Send Markdown.' })
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('K')
    const error = {
      code: 'UNSUPPORTED_FORMAT',
      message: 'This is no text.',
      retryable: false,
      advice: 'Send Markdown.',
    }
    expect((await fixture.history(task)).at(-1)?.payload).toMatchObject({ error })
    expect(await fixture.get(task)).toMatchObject({ status: 'FAILED', error, attempt: 1 })
  })

  test('masks unexpected errors', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 1 })
      throw new Error('password=hunter2')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('K')
    const text = JSON.stringify([await fixture.history(task), await fixture.get(task)])
    expect(text).not.toContain('hunter2')
    expect((await fixture.get(task)).error).toMatchObject({
      code: 'INTERNAL',
      advice: expect.stringContaining(task.id),
    })
  })

  test('keeps the message of an expected failure of its own', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 1 })
      throw new TidingsError('NOT_FOUND', 'There is no document "d_1"')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    expect((await fixture.run('K')).at(-1)?.payload).toMatchObject({
      error: { code: 'NOT_FOUND', message: 'There is no document "d_1"' },
    })
  })

  test('is retried when the database chose to roll back its commit', async () => {
    const definition = kind(async function* (attempt) {
      yield declareItems([{ key: 'a', label: 'A' }])
      yield item.completed('a', async (client) => {
        if (attempt === 1) await client.query(`do $$ begin raise exception 'deadlock' using errcode = '40P01'; end $$`)
      })
      return { attempt }
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await fixture.run('K')
    expect(typesOf(events)).toContain('TaskRetrying')
    expect(events.at(-1)?.payload).toMatchObject({ result: { attempt: 2 } })
  })

  test('finds the items completed by an earlier attempt still completed, and all others as new', async () => {
    const found: (readonly TaskItem[])[] = []
    const failure = { code: 'X', message: 'X', retryable: false, advice: null }
    const definition = kind(async function* (attempt, items) {
      found.push(items)
      if (attempt === 1) {
        yield declareItems(['a', 'b', 'c', 'd'].map((key) => ({ key, label: key.toUpperCase() })))
        yield item.completed('a')
        yield item.skipped('b')
        yield item.failed('c', failure)
        yield item.started('d')
        yield item.advanced('d', 70)
        throw new RetryableError('AGAIN', 'Again.')
      }
      yield item.completed('c')
      yield item.completed('d')
      return {}
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('K')
    const events = await fixture.history(task)
    expect(found[1]?.map(({ key, status, percent, error }) => [key, status, percent, error])).toEqual([
      ['a', 'COMPLETED', 100, null],
      ['b', 'SKIPPED', 100, null],
      ['c', 'PENDING', 0, null],
      ['d', 'PENDING', 0, null],
    ])
    const second = events.findLast(({ type }) => type === 'TaskStarted')
    expect(progressOf(second)).toMatchObject({ percent: 50, completedItems: 2, failedItems: 0, totalItems: 4 })
    expect(typesOf(events).slice(-3)).toEqual(['TaskItemCompleted', 'TaskBatchCompleted', 'TaskCompleted'])
    const items = await fixture.items(task)
    expect(items.map(({ status }) => status)).toEqual(['COMPLETED', 'SKIPPED', 'COMPLETED', 'COMPLETED'])
  })

  test('streams its output from the start of the attempt and keeps only that', async () => {
    const definition = kind(async function* (attempt) {
      yield output('s', attempt === 1 ? 'first try' : 'second')
      if (attempt === 1) throw new RetryableError('AGAIN', 'Again.')
      yield output('s', ' try')
      return {}
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('K')
    const events = await fixture.history(task)
    expect(events.filter(({ type }) => type === 'TaskOutput').map(({ payload }) => payload['offset'])[1]).toBe(0)
    expect(await fixture.engine.store.outputs(task.id, events.length)).toEqual([{ stream: 's', text: 'second try' }])
    const retried = events.findIndex(({ type }) => type === 'TaskRetrying')
    expect(await fixture.engine.store.outputs(task.id, retried)).toEqual([{ stream: 's', text: 'first try' }])
  })
})

describe('settle', () => {
  function settling(
    run: () => AsyncGenerator<Report, Record<string, unknown>, void>,
    options: { throwFor?: Ending['status']; attempts?: number } = {},
  ): TaskDefinition {
    return kind(run, {
      attempts: options.attempts ?? 1,
      async settle(client, _input, { taskId, status, owner, error }) {
        await client.query('insert into settled values ($1, $2, $3, $4)', [taskId, status, owner, error?.code ?? null])
        if (status === options.throwFor) throw new Error('on second thought')
      },
    })
  }
  const table = 'create table settled (task text, status text, owner text, code text)'
  const rows = 'select status, owner, code from settled order by 1'

  test('runs in the terminal transaction: completed', async () => {
    const definition = settling(async function* () {
      yield advance({ percent: 1 })
      return {}
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query(table)
    await fixture.run('K')
    expect((await fixture.database.pool.query(rows)).rows).toEqual([{ status: 'COMPLETED', owner: 'u_1', code: null }])
  })

  test('runs in the terminal transaction: failed', async () => {
    const definition = settling(async function* () {
      yield advance({ percent: 1 })
      throw new FinalError('NO', 'No.')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query(table)
    await fixture.run('K')
    expect((await fixture.database.pool.query(rows)).rows).toEqual([{ status: 'FAILED', owner: 'u_1', code: 'NO' }])
  })

  test('runs in the terminal transaction: canceled, while waiting and while running', async () => {
    const definition = settling(async function* () {
      yield stage('running')
      await new Promise(() => undefined)
      return {}
    })
    await using fixture = await startTestEngine({ definitions: [{ ...definition, concurrency: 1 }] })
    await fixture.database.pool.query(table)
    const running = await fixture.start('K')
    await fixture.event(running, 'TaskAdvanced')
    const queued = await fixture.start('K')
    await fixture.engine.tasks.cancel(queued.id)
    await fixture.engine.tasks.cancel(running.id)
    expect((await fixture.database.pool.query(rows)).rows).toEqual([
      { status: 'CANCELED', owner: 'u_1', code: null },
      { status: 'CANCELED', owner: 'u_1', code: null },
    ])
  })

  test('that throws for a completed task fails the task, and settles the failure', async () => {
    const definition = settling(
      async function* () {
        yield advance({ percent: 1 })
        return {}
      },
      { throwFor: 'COMPLETED' },
    )
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query(table)
    const events = await fixture.run('K')
    expect(events.at(-1)).toMatchObject({ type: 'TaskFailed', payload: { error: { code: 'INTERNAL' } } })
    expect((await fixture.database.pool.query(rows)).rows).toEqual([
      { status: 'FAILED', owner: 'u_1', code: 'INTERNAL' },
    ])
  })

  test('that throws for a failed task does not keep it from ending', async () => {
    const definition = settling(
      async function* () {
        yield advance({ percent: 1 })
        throw new FinalError('NO', 'No.')
      },
      { throwFor: 'FAILED' },
    )
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query(table)
    const events = await fixture.run('K')
    expect(events.at(-1)).toMatchObject({ type: 'TaskFailed', payload: { error: { code: 'NO' } } })
    expect((await fixture.database.pool.query(rows)).rows).toEqual([])
  })

  test('that throws for a canceled task leaves the task unchanged', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = settling(
      async function* () {
        yield stage('running')
        await gate.promise
        return {}
      },
      { throwFor: 'CANCELED' },
    )
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query(table)
    const task = await fixture.start('K')
    await fixture.event(task, 'TaskAdvanced')
    await expect(fixture.engine.tasks.cancel(task.id)).rejects.toThrow('on second thought')
    expect((await fixture.get(task)).status).toBe('RUNNING')
    gate.resolve()
    expect(typesOf(await fixture.history(task)).at(-1)).toBe('TaskCompleted')
  })

  test('is skipped for a task with an input that no longer fits its kind, which fails instead of hanging', async () => {
    let isStrict = false
    const definition = createTaskDefinition({
      kind: 'K',
      input: z.object({}).refine(() => !isStrict),
      async *run() {
        yield advance({ percent: 1 })
        return {}
      },
      settle: () => Promise.reject(new Error('must not be called')),
    })
    await using fixture = await startTestEngine({
      definitions: [definition as TaskDefinition],
      config: { ROLE: 'server' },
    })
    const task = await fixture.start('K')
    isStrict = true
    await using worker = await startTestEngine({ definitions: [definition as TaskDefinition], on: fixture.test })
    expect((await worker.history(task)).at(-1)).toMatchObject({
      type: 'TaskFailed',
      payload: { error: { code: 'INVALID_INPUT', message: 'The input does not fit the kind K: Invalid input' } },
    })
  })
})
