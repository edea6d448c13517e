import { type Client, createClient } from 'graphql-ws'
import { Command } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { ask, subscribe } from './support.ts'

/*
 * Garbage that survives the collections of the young generation makes each of these longer, for everyone, until the whole
 * heap is collected: decision 350.
 */

let database: TestDatabase
let redis: TestRedis
let server: TestProcess
let client: Client
let url: string
beforeAll(async () => {
  database = await createTestDatabase()
  redis = await startRedis()
  server = startProcess(new URL('../support/heap-child.ts', import.meta.url), [], {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    PORT: '0',
    FIRST_RUN: 'false',
    SELF_TEST: 'true',
    NODE_ENV: 'development',
    MAX_VIEWER_WORK: '1000000000',
    MAX_ADDRESS_WORK: '1000000000',
    MAX_SOCKET_WORK: '1000000000',
  })
  url = /http:\/\/[\d.:]+/.exec(await server.readUntil('/graphql'))?.[0] ?? ''
  await server.readUntil('Ctrl-C')
  client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
  })
})
afterAll(async () => {
  await client.dispose()
  await server[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

async function readHeap(): Promise<{ readonly minor: number; readonly major: number }> {
  server.kill('SIGUSR2')
  const { heap } = JSON.parse(await server.readUntil('{"heap":')) as { heap: { minor: number; major: number } }
  return heap
}

async function post(query: string): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  })
  return response.text()
}

const startTask = `mutation {
  startSelfTest(input: { items: 250, everyMs: 1, textLength: 2000 }) { ... on StartSelfTestSuccess { task { id } } }
}`
const follow = 'subscription ($id: ID!) { taskProgress(taskId: $id) { __typename ... on TaskOutput { text } } }'

/** Runs a task, and returns the number of its events. */
async function receiveEvents(): Promise<number> {
  const { data } = await ask(client, startTask)
  const { task } = (data as { readonly startSelfTest: { readonly task: { readonly id: string } } }).startSelfTest
  await using watching = subscribe(client, follow, { id: task.id })
  expect(await watching.ended).toBe('complete')
  return watching.results.length
}

const one = (work: () => Promise<unknown>) => async (): Promise<number> => {
  await work()
  return 1
}

test.each([
  ['a query over HTTP', one(async () => expect(await post('{ viewer { id } }')).toContain('"viewer"'))],
  ['an invalid document', one(async () => expect(await post('{ viewer { none } }')).toContain('Cannot query'))],
  ['a query over WebSocket', one(() => ask(client, '{ viewer { id } }'))],
  ['an event', receiveEvents],
])('%s leaves no garbage that survives', async (_what, work) => {
  const repeat = async (): Promise<number> => {
    let times = 0
    while (times < 1_000) times += await work()
    return times
  }
  // Compiles the code.
  await repeat()
  const { major } = await readHeap()
  const times = await repeat()
  const { minor } = await readHeap()
  expect((minor - major) / times).toBeLessThan(3_500)
})

// When this fails, src/db/pool.ts or src/bus/redis-pubsub.ts need not avoid it any more.
test('pg and ioredis still write functions where they assign them to properties', () => {
  expect(pg.Client.prototype.query.toString()).toMatch(/query\.callback = \(\w+, \w+\) =>/)
  expect((Command.prototype as unknown as { initPromise: object }).initPromise.toString()).toMatch(/this\.reject = \(/)
})
