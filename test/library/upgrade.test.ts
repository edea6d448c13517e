import { createTidings, defineTask, defineTopic, stage, type Tidings } from 'tidings'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { hangMs } from '../support/patience.ts'

/** The user of a server without tokens. */
const owner = 'local-developer'
const removed = defineTask({
  kind: 'REMOVED',
  input: z.object({}),
  result: z.object({ count: z.int() }),
  async *run() {
    yield stage('working')
    return await Promise.resolve({ count: 1 })
  },
})
const before = defineTask({
  kind: 'CHANGED',
  input: z.object({ from: z.string(), format: z.enum(['pdf', 'doc']) }),
  result: z.object({ url: z.string() }),
  async *run({ input }) {
    yield stage('working')
    return await Promise.resolve({ url: input.from })
  },
})
/** The next version: an enum of the input has lost a value, and input and result have more fields. */
const after = defineTask({
  kind: 'CHANGED',
  input: z.object({ from: z.string(), format: z.enum(['pdf']), to: z.string().default('nowhere') }),
  result: z.object({ url: z.string(), pages: z.int(), size: z.int().optional() }),
  async *run({ input }) {
    yield stage('working')
    return await Promise.resolve({ url: `${input.from} ${input.to}`, pages: 1 })
  },
})
const orderBefore = defineTopic({
  name: 'order',
  events: { noted: z.object({}), opened: z.object({}) },
  authorize: () => true,
})
const orderAfter = defineTopic({ name: 'order', events: { opened: z.object({}) }, authorize: () => true })

const undo = new AsyncDisposableStack()
let database: TestDatabase
let next: Tidings
let url: string
/** Ids of tasks that the version before has started. */
const ids: Record<'removed' | 'removedQueued' | 'completed' | 'fits' | 'misfit', string> = {
  removed: '',
  removedQueued: '',
  completed: '',
  fits: '',
  misfit: '',
}

async function query(text: string, variables: object = {}): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: text, variables }),
  })
  return await response.json()
}

beforeAll(async () => {
  database = undo.use(await createTestDatabase())
  const options = { databaseUrl: database.url, logger: silentLogger }
  {
    await using previous = createTidings({ ...options, tasks: [removed, before], topics: [orderBefore] })
    await previous.worker()
    const finish = async (id: string): Promise<string> => {
      await vi.waitFor(async () => {
        const { rows } = await database.database.pool.query('select status from tidings.task where id = $1', [id])
        expect(rows).toEqual([{ status: 'COMPLETED' }])
      }, hangMs)
      return id
    }
    ids.removed = await finish((await previous.start(removed, {}, { owner })).id)
    ids.completed = await finish((await previous.start(before, { from: 'a', format: 'pdf' }, { owner })).id)
    await previous.publish(orderBefore, '1', { opened: {}, noted: {} })
  }
  {
    // Without a worker, they stay in the queue.
    await using previous = createTidings({ ...options, tasks: [removed, before] })
    ids.removedQueued = (await previous.start(removed, {}, { owner })).id
    ids.fits = (await previous.start(before, { from: 'b', format: 'pdf' }, { owner })).id
    ids.misfit = (await previous.start(before, { from: 'c', format: 'doc' }, { owner })).id
  }
  next = undo.use(createTidings({ ...options, tasks: [after], topics: [orderAfter] }))
  url = (await next.listen({ port: 0 })).url
})
afterAll(() => undo.disposeAsync())

const taskQuery = `query ($id: ID!) { task(id: $id) {
  kind kindName status error { code message } result { ... on ChangedOutput { url pages size } }
} }`

/** Waits until a task has a status, and returns it. */
async function taskWith(id: string, status: string): Promise<unknown> {
  return await vi.waitFor(async () => {
    const answer = await query(taskQuery, { id })
    expect(answer).toMatchObject({ data: { task: { status } } })
    return answer
  }, hangMs)
}

test('tasks of a removed kind are served as UNKNOWN, without their result; those in the queue wait, and can be canceled', async () => {
  const unknown = { kind: 'UNKNOWN', kindName: 'REMOVED', error: null, result: null }
  expect(await taskWith(ids.removed, 'COMPLETED')).toEqual({ data: { task: { ...unknown, status: 'COMPLETED' } } })
  expect(await taskWith(ids.removedQueued, 'QUEUED')).toEqual({ data: { task: { ...unknown, status: 'QUEUED' } } })
  const change = (name: string): Promise<unknown> =>
    query(`mutation ($id: ID!) { ${name}(input: { taskId: $id }) { __typename ... on Error { message } } }`, {
      id: ids.removedQueued,
    })
  expect(await change('cancelTask')).toEqual({ data: { cancelTask: { __typename: 'CancelTaskSuccess' } } })
  expect(await change('retryTask')).toEqual({
    data: { retryTask: { __typename: 'InvalidInputError', message: 'There is no kind of task "REMOVED"' } },
  })
})

test('the input of a waiting task is checked again: with new fields of its kind by default, or it fails', async () => {
  expect(await taskWith(ids.fits, 'COMPLETED')).toMatchObject({
    data: { task: { result: { url: 'b nowhere', pages: 1, size: null } } },
  })
  expect(await taskWith(ids.misfit, 'FAILED')).toMatchObject({
    data: {
      task: {
        error: {
          code: 'INVALID_INPUT',
          message: 'The input does not fit the kind CHANGED: format: Invalid input: expected "pdf"',
        },
      },
    },
  })
})

test('a stored result lacks the fields that came later: null when they are optional, otherwise an error where they are selected', async () => {
  const selection = (fields: string): Promise<unknown> =>
    query(`query ($id: ID!) { task(id: $id) { result { ... on ChangedOutput { ${fields} } } } }`, { id: ids.completed })
  expect(await selection('url size')).toEqual({ data: { task: { result: { url: 'a', size: null } } } })
  expect(await selection('url pages')).toMatchObject({
    data: { task: { result: null } },
    errors: [{ path: ['task', 'result', 'pages'], extensions: { code: 'INTERNAL' } }],
  })
})

test('an event that a topic no longer has is delivered as Other', async () => {
  const document = 'subscription { orderUpdates(id: "1", fromStart: true) { __typename seq } }'
  const response = await fetch(`${url}/graphql?${new URLSearchParams({ query: document })}`, {
    headers: { accept: 'text/event-stream' },
  })
  let text = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (text.includes('"seq":2')) break
  }
  expect([...text.matchAll(/"__typename":"(\w+)"/g)].map(([, name]) => name)).toEqual(['OrderOpened', 'OrderOther'])
})

test('an older version refuses a database that a newer one has migrated, unless it does not migrate at its start', async () => {
  await using newer = await createTestDatabase()
  await newer.database.pool.query(
    `insert into tidings.migration (id, name, checksum) select max(id) + 1, 'later', '' from tidings.migration`,
  )
  const options = { tasks: [after], databaseUrl: newer.url, logger: silentLogger }
  await using refused = createTidings(options)
  await expect(refused.worker()).rejects.toMatchObject({
    code: 'BAD_CONFIGURATION',
    message: expect.stringMatching(/^The database has migration \d+ \(later\)/) as string,
  })
  await using started = createTidings({ ...options, migrateAtStart: false })
  await started.worker()
})
