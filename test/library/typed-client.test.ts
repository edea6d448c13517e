import { Client, cacheExchange, fetchExchange } from '@urql/core'
import { createTidingsClient, startTask, type TidingsClient, tidingsExchange } from 'tidings/client'
import { createTestTidings } from 'tidings/testing'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { exportReport } from '../../examples/http/tasks.ts'
import * as page from '../../examples/react/tidings.gen.ts'
import { sendMail } from './kinds.ts'

const undo = new AsyncDisposableStack()
let url: string
let mailId: string
beforeAll(async () => {
  const options = { tasks: [exportReport, sendMail], databaseUrl: inject('templateUrl') }
  const tidings = undo.use(await createTestTidings(options))
  url = `${(await tidings.listen()).url}/graphql`
  mailId = await tidings.start(sendMail, {})
})
afterAll(() => undo.disposeAsync())

describe.each<[string, () => TidingsClient]>([
  ['the cache that knows the schema', () => createTidingsClient({ url, schema: page.schema })],
  ['the default cache without a schema', () => createTidingsClient({ url })],
  [
    'the urql client of a team',
    () => {
      const tidings = tidingsExchange({ url })
      void new Client({ url, exchanges: [cacheExchange, tidings, fetchExchange] })
      return tidings
    },
  ],
])('a client with %s', (_, create) => {
  test('starts a task of a kind of the team, and receives its typed result', async () => {
    await using client = create()
    const input = { reportId: 'report_1', format: 'CSV', pages: 2, idempotencyKey: crypto.randomUUID() } as const
    const { task, refusal } = await startTask(client, page.exportReport, input)
    if (task === null) throw new Error(refusal.message)
    expect((await startTask(client, page.exportReport, input)).task?.id).toBe(task.id)
    const statuses: string[] = []
    let pages = 0
    for await (const state of client.watchTask(page.exportReport, task.id).states()) {
      statuses.push(state.status)
      if (state.status === 'COMPLETED') pages = state.result.pages
    }
    expect([statuses.at(-1), pages]).toEqual(['COMPLETED', 2])
    // The same task without its kind, and so without its result.
    const states = await Array.fromAsync(client.watchTask(task.id, { fromStart: true }).states())
    expect(states.at(-1)).toMatchObject({ status: 'COMPLETED' })
  })

  test('receives the typed details of a failure', async () => {
    await using client = create()
    const { task, refusal } = await startTask(client, page.exportReport, { reportId: 'report_1', pages: 101 })
    if (task === null) throw new Error(refusal.message)
    const states = await Array.fromAsync(client.watchTask(page.exportReport, task.id).states())
    const last = states.at(-1)
    if (last?.status !== 'FAILED' || last.error.code !== 'QUOTA') throw new Error('The failure is another')
    expect(last.error.details?.resetsAt).toBe('2030-01-01T00:00:00Z')
  })

  test('receives a refused start as a value', async () => {
    await using client = create()
    const { refusal } = await startTask(client, page.exportReport, { reportId: 'report_1', pages: 1_000 })
    if (refusal?.__typename !== 'InvalidInputError') throw new Error('The refusal is another')
    expect(refusal.issues.map(({ path }) => path)).toEqual(['input.pages'])
  })

  test('refuses to watch a task as one of another kind', async () => {
    await using client = create()
    await expect(Array.fromAsync(client.watchTask(page.exportReport, mailId).states())).rejects.toThrow(
      `The task "${mailId}" is of the kind SEND_MAIL and not of the kind EXPORT_REPORT`,
    )
  })
})

test('a client without a schema says what the normalised cache needs', () => {
  expect(() => createTidingsClient({ url, cache: 'graphcache' })).toThrow('pass `schema` of tidings.gen.ts')
})
