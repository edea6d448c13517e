import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectDatabase, type Database } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createLogReader, type LogReader } from '../../src/log/read.ts'
import { createLogger } from '../../src/logger.ts'
import { createTaskStore } from '../../src/tasks/model/store.ts'
import { createMemoryWorld, createTask, createTopic, eventually, startNode, type TestNode } from '../log/support.ts'
import { findFreePort } from '../support/port.ts'
import { type PostgresPair, startPostgresPair } from '../support/postgres-pair.ts'
import { createTcpProxy } from '../support/proxy.ts'

let pair: PostgresPair
let database: Database
let node: TestNode
const lines: string[] = []
const logger = createLogger({ level: 'info', production: true, destination: { write: (line) => lines.push(line) } })
const connect = (replicaUrl: string): Promise<Database> =>
  connectDatabase({ url: pair.url, replicaUrl, maxConnections: 4, logger })

beforeAll(async () => {
  pair = await startPostgresPair()
  database = await connect(pair.replicaUrl)
  await migrate(database, logger)
  node = await startNode({ database, bus: createMemoryWorld().connect() })
})
afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await pair[Symbol.asyncDispose]()
})

/** Which server answers a read. */
async function whoAnswers(from: Database = database): Promise<'primary' | 'replica'> {
  const { rows } = await from.read<{ is_replica: boolean }>({ text: 'select pg_is_in_recovery() as is_replica' })
  return rows[0]?.is_replica === true ? 'replica' : 'primary'
}

/** Appends an event, and reads the topic after it. */
async function appendAndRead(reader: LogReader, topic: string): Promise<readonly number[]> {
  const result = await node.appender.append({ topic, events: [{ type: 'Told', payload: {} }] })
  const { events } = await reader.read(topic, result.accepted ? result.seq - 2 : 0, 10)
  return events.map(({ seq }) => seq)
}

test('reads from the replica, never older than what was written before', async () => {
  await eventually(async () => expect(await whoAnswers()).toBe('replica'))
  await createTopic(database, 'written')
  for (let seq = 1; seq <= 50; seq++)
    expect(await appendAndRead(node.reader, 'written')).toEqual(seq === 1 ? [1] : [seq - 1, seq])
  const store = createTaskStore(database)
  for (let count = 1; count <= 20; count++) {
    await createTask(database, `listed_${count}`)
    expect(await store.list({ owner: 'u_1', limit: 100 })).toHaveLength(count)
  }
})

test('reads from the primary while the replica is behind, and from the replica again afterwards', async () => {
  await createTopic(database, 'behind')
  await eventually(async () => expect(await whoAnswers()).toBe('replica'))
  lines.length = 0
  pair.cutReplication()
  expect(await appendAndRead(node.reader, 'behind')).toEqual([1])
  expect(await appendAndRead(node.reader, 'behind')).toEqual([1, 2])
  expect(await whoAnswers()).toBe('primary')
  await pair.resumeReplication()
  await pair.replicated()
  await eventually(async () => expect(await whoAnswers()).toBe('replica'))
  expect(
    lines.filter((line) => line.includes('replica')).map((line) => (JSON.parse(line) as { msg: string }).msg),
  ).toEqual(['cannot read from the replica; reading from the primary', 'reading from the replica again'])
})

test('reads from the primary while there is no replica at the address', async () => {
  await using away = await connect(`postgres://postgres@127.0.0.1:${await findFreePort()}/postgres`)
  const reader = await createLogReader(away)
  await createTopic(database, 'away')
  expect(await appendAndRead(reader, 'away')).toEqual([1])
  expect(await whoAnswers(away)).toBe('primary')
})

test('reads from the primary while the replica does not answer', async () => {
  await using proxy = await createTcpProxy(Number(new URL(pair.replicaUrl).port))
  await using hung = await connect(`postgres://postgres@127.0.0.1:${proxy.port}/postgres`)
  await eventually(async () => expect(await whoAnswers(hung)).toBe('replica'))
  const reader = await createLogReader(hung)
  await createTopic(database, 'hung')
  proxy.stall()
  expect(await appendAndRead(reader, 'hung')).toEqual([1])
  expect(await whoAnswers(hung)).toBe('primary')
})

test('passes an error of the statement on', async () => {
  await expect(database.read({ text: 'select 1 / 0' })).rejects.toThrow('division by zero')
})

test('does not read from a replica that was promoted', async () => {
  await using former = await connect(pair.replicaUrl)
  await createTopic(database, 'moved')
  await eventually(async () => expect(await whoAnswers(former)).toBe('replica'))
  await pair.failOver()
  await eventually(async () => expect(await whoAnswers()).toBe('primary'))
  await eventually(async () => expect(await appendAndRead(node.reader, 'moved')).toEqual([1]))
})
