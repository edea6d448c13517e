import { setTimeout as delay } from 'node:timers/promises'
import { advance, defineTask, defineTopic, output, stage, TidingsError } from 'tidings'
import { createTidingsClient } from 'tidings/client'
import { createTestTidings, type TestTidings } from 'tidings/testing'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { z } from 'zod'
import { hangMs } from '../support/patience.ts'

const databaseUrl = inject('templateUrl')
const hourMs = 3_600_000

const greet = defineTask({
  kind: 'GREET',
  input: z.object({ name: z.string() }),
  result: z.object({ text: z.string() }),
  errors: { BUSY: z.object({ until: z.string() }) },
  attempts: 3,
  backoff: { initialDelayMs: hourMs, maxDelayMs: hourMs },
  retentionDays: 10,
  async *run({ input, attempt, errors, context }) {
    yield stage('greeting')
    yield advance({ percent: 50 })
    if (input.name === 'refused') errors.BUSY({ until: 'tomorrow' })
    if (input.name === 'busy' && attempt < 3) errors.BUSY({ until: 'later' }, { retry: true })
    return { text: `${context.greeting ?? 'Hello'}, ${input.name}` }
  },
})

/** Its events are kept for an hour, and one of its attempts starts per hour. */
const call = defineTask({
  kind: 'CALL',
  input: z.object({ customer: z.string() }),
  eventRetentionHours: 1,
  rateLimit: { limit: 1, periodMs: hourMs, key: 'input.customer' },
  priority: ({ customer }) => customer.length,
  async *run() {
    yield output('text', 'calling')
  },
})

/** Waits in its first attempt until it is stopped. */
const stuck = defineTask({
  kind: 'GET_STUCK',
  input: z.object({}),
  concurrency: 1,
  async *run({ attempt, signal }) {
    yield stage('waiting')
    if (attempt === 1) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  },
})

const room = defineTopic({ name: 'room', events: { said: z.object({ text: z.string() }) }, authorize: () => true })

const options = {
  tasks: [greet, stuck, call],
  topics: [room],
  context: { greeting: 'Good morning' },
  databaseUrl,
  waitMs: hangMs,
}

const undo = new AsyncDisposableStack()
let tidings: TestTidings
beforeAll(async () => {
  tidings = undo.use(await createTestTidings(options))
})
afterAll(() => undo.disposeAsync())

test('runs a task to its typed result, and returns its log', async () => {
  const id = await tidings.start(greet, { name: 'Ada' })
  const task = await tidings.until(id, 'COMPLETED')
  const text: string = task.result.text
  expect(text).toBe('Good morning, Ada')
  expect(task).toMatchObject({ id, kind: 'GREET', owner: 'test-user', attempt: 1, error: null })
  // A status that it had before counts, too.
  const another = await tidings.start(greet, { name: 'Ada' })
  await tidings.until(another, 'COMPLETED')
  expect(await tidings.until(another, 'COMPLETED')).toMatchObject({ status: 'COMPLETED' })
  const events = await tidings.events(id)
  expect(events.map(({ type }) => type)).toEqual(['TaskQueued', 'TaskStarted', 'TaskAdvanced', 'TaskCompleted'])
  expect(events.at(-1)).toMatchObject({ seq: 4, payload: { status: 'COMPLETED', result: { text } } })
  // @ts-expect-error: the input of another kind
  await expect(tidings.start(greet, { title: 'Ada' })).rejects.toMatchObject({ code: 'BAD_INPUT' })
})

describe('until', () => {
  test('rejects with the state and the last events as soon as a task is final otherwise', async () => {
    const id = await tidings.start(greet, { name: 'refused' })
    const error = await tidings.until(id, 'COMPLETED').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TidingsError)
    expect(error).toMatchObject({ code: 'CONFLICT', details: { taskId: id, status: 'FAILED' } })
    expect((error as Error).message).toContain(
      `Task "${id}" of the kind GREET is FAILED (BUSY: The task failed: BUSY.) and did not become COMPLETED any more`,
    )
    expect((error as Error).message).toMatch(/ {2}1 TaskQueued .*\n {2}2 TaskStarted .*\n(.*\n)* {2}4 TaskFailed /)
    await expect(tidings.until(id, () => false)).rejects.toThrow('did not meet the condition any more')
    const { error: failure } = await tidings.until(id, 'FAILED')
    expect(failure).toMatchObject({ code: 'BUSY', retryable: false, details: { until: 'tomorrow' } })
    const until: string | undefined = failure.code === 'BUSY' ? failure.details.until : undefined
    expect(until).toBe('tomorrow')
  })

  test('rejects after its limit, and names the next attempt', async () => {
    await using impatient = await createTestTidings({ ...options, waitMs: 200 })
    const id = await impatient.start(greet, { name: 'busy' })
    await expect(impatient.until(id, 'COMPLETED')).rejects.toThrow(
      /is (QUEUED|RUNNING|RETRYING).* and did not become COMPLETED within 200 ms \(waitMs\)/,
    )
    await expect(impatient.until('task_unknown', 'COMPLETED')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('waits for a condition of task and events', async () => {
    const id = await tidings.start(greet, { name: 'Ada' })
    const task = await tidings.until(id, ({ progress }, events) => progress.percent >= 50 && events.length >= 3)
    expect(task.progress.percent).toBeGreaterThanOrEqual(50)
  })
})

describe('advance', () => {
  test('lets attempts begin that are due later', async () => {
    const id = await tidings.start(greet, { name: 'busy' })
    const { nextAttemptAt } = await tidings.until(id, 'RETRYING')
    expect(Number(nextAttemptAt)).toBeGreaterThan(Date.now() + hourMs / 4)
    await tidings.advance(hourMs)
    await tidings.until(id, 'RETRYING')
    await tidings.advance(hourMs)
    const { attempt, createdAt } = await tidings.until(id, 'COMPLETED')
    expect(attempt).toBe(3)
    expect(createdAt.getTime()).toBeLessThan(Date.now() - 2 * hourMs + 60_000)
    await expect(tidings.advance(-1)).rejects.toBeInstanceOf(RangeError)
  })

  test('keeps the leases of a working worker', async () => {
    const id = await tidings.start(stuck, {})
    await tidings.until(id, 'RUNNING')
    await tidings.advance(hourMs)
    await delay(300)
    expect((await tidings.events(id)).map(({ type }) => type)).not.toContain('TaskRetrying')
    await cancel(id)
  })

  test('deletes events and tasks after their retention', async () => {
    const id = await tidings.start(greet, { name: 'Ada' })
    await tidings.until(id, 'COMPLETED')
    await tidings.advance(8 * 24 * hourMs)
    expect(await tidings.events(id)).toEqual([])
    expect(await tidings.until(id, 'COMPLETED')).toMatchObject({ result: { text: 'Good morning, Ada' } })
    await tidings.advance(3 * 24 * hourMs)
    await expect(tidings.until(id, 'COMPLETED')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('lets tasks start that wait for a rate limit, and deletes the events of a kind after their own retention', async () => {
    const first = await tidings.start(call, { customer: 'a' })
    await tidings.until(first, 'COMPLETED')
    const second = await tidings.start(call, { customer: 'a' })
    await tidings.until(await tidings.start(call, { customer: 'b' }), 'COMPLETED')
    expect(await tidings.until(second, 'QUEUED')).toMatchObject({ status: 'QUEUED' })
    expect((await tidings.events(first)).map(({ type }) => type)).toContain('TaskOutput')
    await tidings.advance(hourMs)
    await tidings.until(second, 'COMPLETED')
    expect(await tidings.events(first)).toEqual([])
  })
})

describe('operations', () => {
  test('are executed on behalf of a viewer', async () => {
    const ada = { viewer: { userId: 'ada' } }
    const { data } = await tidings.execute<{ greet: { task: { id: string } } }>(
      'mutation ($input: GreetInput!) { greet(input: $input) { ... on GreetSuccess { task { id } } } }',
      { input: { name: 'Ada' } },
      ada,
    )
    const { id } = data?.greet.task ?? { id: '' }
    const read = 'query ($id: ID!) { task(id: $id) { status result { ... on GreetOutput { text } } } }'
    await tidings.until(id, 'COMPLETED')
    expect(await tidings.execute(read, { id }, ada)).toEqual({
      data: { task: { status: 'COMPLETED', result: { text: 'Good morning, Ada' } } },
    })
    expect(await tidings.execute(read, { id })).toEqual({ data: { task: null } })
    expect((await tidings.execute(read, { id }, { viewer: null })).errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
    })
    expect((await tidings.execute('{ nothing }')).errors?.[0]?.message).toContain('Cannot query field "nothing"')
  })

  test('subscribe over a socket, which can be cut', async () => {
    const id = await tidings.start(stuck, {})
    const watch = 'subscription ($taskId: ID!) { taskProgress(taskId: $taskId, fromStart: true) { seq status } }'
    const updates = tidings.subscribe<{ taskProgress: { seq: number } }>(watch, { taskId: id })
    expect((await updates.next()).value?.data?.taskProgress).toEqual({ seq: 1, status: 'QUEUED' })
    expect(tidings.faults.cutSockets()).toBe(1)
    await expect(
      (async () => {
        for (;;) await updates.next()
      })(),
    ).rejects.toMatchObject({ code: 1006 })
    expect(tidings.faults.cutSockets()).toBe(0)
    await cancel(id)
  })
})

describe('faults', () => {
  test('a client of tidings/client resumes after its sockets were cut, without losing or repeating an event', async () => {
    const { url } = await tidings.listen()
    await using client = createTidingsClient({ url: `${url}/graphql`, transports: ['websocket'] })
    const id = await tidings.start(stuck, {})
    await tidings.until(id, (_, events) => events.length === 3)
    const seqs: number[] = []
    for await (const { seq } of client.watchTask(id, { fromStart: true })) {
      seqs.push(seq)
      if (seqs.length !== 3) continue
      expect(tidings.faults.cutSockets()).toBe(1)
      await cancel(id)
    }
    expect(seqs).toEqual([1, 2, 3, 4])
  })

  test('a killed worker loses its tasks without handing them over', async () => {
    const id = await tidings.start(stuck, {})
    await tidings.until(id, 'RUNNING')
    expect(await tidings.faults.killWorker()).toContain(id)
    await tidings.until(id, 'COMPLETED')
    const retrying = (await tidings.events(id)).find(({ type }) => type === 'TaskRetrying')
    expect(retrying?.payload).toMatchObject({ error: { code: 'WORKER_LOST' } })
  })

  test('lost messages of the bus delay events and lose none', async () => {
    await using lossy = await createTestTidings(options)
    await lossy.faults.loseBusMessages(1)
    const received: unknown[] = []
    // The topic begins with its first event.
    await lossy.tidings.publish(room, '1', { said: { text: 'a' } })
    const updates = lossy.subscribe(
      'subscription { roomUpdates(id: "1", fromStart: true) { __typename seq ... on RoomSaid { text } } }',
    )
    const reading = (async () => {
      for await (const { data } of updates) {
        received.push(data?.['roomUpdates'])
        if (received.length === 3) return
      }
    })()
    await vi.waitFor(() => expect(received).toHaveLength(1))
    await lossy.tidings.publish(room, '1', { said: { text: 'b' } })
    await lossy.faults.loseBusMessages(0.5)
    await lossy.tidings.publish(room, '1', { said: { text: 'c' } })
    await reading
    expect(received).toEqual(['a', 'b', 'c'].map((text, index) => ({ __typename: 'RoomSaid', seq: index + 1, text })))
    await expect(lossy.faults.loseBusMessages(2)).rejects.toBeInstanceOf(RangeError)
  })
})

test('each call has a database of its own, which is dropped at its end', async () => {
  const first = await createTestTidings(options)
  await using second = await createTestTidings(options)
  const id = await first.start(greet, { name: 'Ada' })
  await expect(second.until(id, 'COMPLETED')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await first.until(id, 'COMPLETED')
  const { databaseUrl: url } = first
  await first[Symbol.asyncDispose]()
  await expect(createReader(url)).rejects.toThrow('does not exist')
})

async function cancel(id: string): Promise<void> {
  await tidings.execute(`mutation { cancelTask(input: { taskId: "${id}" }) { __typename } }`)
  await tidings.until(id, 'CANCELED')
}

async function createReader(url: string): Promise<void> {
  const { Client } = (await import('pg')).default
  const client = new Client({ connectionString: url })
  try {
    await client.connect()
  } finally {
    await client.end()
  }
}
