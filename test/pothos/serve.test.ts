import SchemaBuilder from '@pothos/core'
import { createClient } from 'graphql-ws'
import { createTidings, declareItems, defineTask, FinalError, stage, type Viewer, viewerOf } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'
import { followStream, request } from '../support/foreign-client.ts'

const convert = defineTask({
  kind: 'CONVERT',
  input: z.object({ at: z.iso.datetime(), file: z.string().default('a.txt') }),
  result: z.object({ finishedAt: z.iso.datetime(), file: z.string() }),
  attempts: 1,
  async *run({ input }) {
    yield declareItems([{ key: 'a', label: 'A' }])
    yield stage('converting')
    if (input.file === 'broken.txt') throw new FinalError('BROKEN', 'The file is broken.')
    return await Promise.resolve({ finishedAt: input.at, file: input.file })
  },
})

interface Context {
  /** The same name as in the context of Tidings. */
  readonly viewer: string
  readonly loaders: string
  readonly user: Viewer | null
}

test('a schema made with Pothos is served with the names, scalars and permissions of its team', async () => {
  await using database = await createTestDatabase({ empty: true })
  await using tidings = createTidings({
    tasks: [convert],
    databaseUrl: database.url,
    logger: silentLogger,
    authenticate: ({ headers, connectionParams }) => {
      const userId = connectionParams?.['user'] ?? headers['x-user']
      return typeof userId === 'string' ? { userId } : null
    },
  })
  const builder = new SchemaBuilder<{ Context: Context; Scalars: { Date: { Input: Date; Output: Date } } }>({
    plugins: [TidingsPlugin],
    tidings: { instance: tidings, prefix: 'Tidings', types: { DateTime: 'Date' } },
  })
  // Accepts no text, as the scalars of other packages.
  builder.scalarType('Date', {
    serialize: (value) => value.toISOString().slice(0, 10),
    parseValue: (value) => new Date(String(value)),
  })
  const locked = new Set<string>()
  let lastTaskId: string | null = null
  builder.queryType({
    fields: (t) => ({
      me: t.string({ nullable: true, resolve: (_, __, context) => `${context.viewer} ${viewerOf(context)?.userId}` }),
      lastConversion: t.taskField({ id: () => lastTaskId }),
    }),
  })
  builder.mutationType({
    fields: (t) => ({
      convertFile: t.startTask(convert, {
        authorize: (_, { input }, { user }) => user?.userId === 'u_1' && !locked.has(input.file),
      }),
    }),
  })
  builder.objectField(builder.taskRef(), 'invoice', (t) =>
    t.string({
      nullable: true,
      args: { currency: t.arg.string({ required: true }) },
      resolve: ({ task }, { currency }, { user, loaders }) =>
        `${task.kind} in ${currency} for ${user?.userId}, ${loaders}`,
    }),
  )
  const { url, wsUrl } = await tidings.listen({
    port: 0,
    schema: builder.toSchema(),
    context: (viewer): Context => ({ viewer: 'mine', loaders: 'mine', user: viewer }),
  })
  const ask = (query: string, user = 'u_1') => request(url, query, { 'x-user': user })

  expect(await ask('{ me }')).toEqual({ me: 'mine u_1' })
  const start = (file: string, user?: string) =>
    ask(
      `mutation { convertFile(input: { at: "2026-01-02T03:04:05Z", file: "${file}" }) {
        ... on ConvertSuccess { task { id createdAt status } } ... on TidingsInvalidInputError { issues { path } }
      } }`,
      user,
    ) as Promise<{ convertFile: { task: { id: string; createdAt: string } } }>
  const { task } = (await start('a.txt')).convertFile
  expect(task.createdAt).toMatch(/^\d{4}-\d\d-\d\d$/)
  lastTaskId = task.id
  const last = '{ lastConversion { id kind items { key } } }'
  expect(await ask(last)).toMatchObject({ lastConversion: { id: task.id, kind: 'CONVERT' } })
  expect(await ask(last, 'u_2')).toEqual({ lastConversion: null })
  const invoice = 'CONVERT in EUR for u_1, mine'
  expect(await ask('{ lastConversion { invoice(currency: "EUR") } }')).toEqual({ lastConversion: { invoice } })

  const query = `subscription ($taskId: ID!, $after: TidingsCursor, $fromStart: Boolean) {
    tidingsTaskProgress(taskId: $taskId, after: $after, fromStart: $fromStart) {
      __typename seq cursor at
      ... on TidingsTaskSnapshot { task { items { key } } }
      ... on TidingsTaskCompleted { task { items { key } invoice(currency: "EUR") } result { ... on ConvertOutput { finishedAt file } } }
    }
  }`
  const client = createClient({ url: wsUrl, webSocketImpl: WebSocket, connectionParams: { user: 'u_1' } })
  const events: unknown[] = []
  for await (const { data } of client.iterate({ query, variables: { taskId: task.id, fromStart: true } }))
    events.push(data?.['tidingsTaskProgress'])
  await client.dispose()
  expect(events.at(-1)).toMatchObject({
    __typename: 'TidingsTaskCompleted',
    at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    task: { items: [{ key: 'a' }], invoice },
    result: { finishedAt: '2026-01-02', file: 'a.txt' },
  })
  // A late subscriber receives the whole state, with the items that it selects by another name of their type.
  const headers = { 'x-user': 'u_1' }
  const stream = await followStream(url, { query, variables: { taskId: task.id } }, undefined, headers)
  expect(stream).toEqual([
    expect.objectContaining({ __typename: 'TidingsTaskSnapshot', task: { items: [{ key: 'a' }] } }),
  ])

  await expect(start('a.txt', 'u_2')).rejects.toThrow('You may not start this task (CONVERT)')
  locked.add('b.txt')
  await expect(start('b.txt')).rejects.toThrow('FORBIDDEN')
  // A retry starts a task as well, so it needs the same permission.
  const failed = (await start('broken.txt')).convertFile.task
  const failures = await followStream(
    url,
    { query, variables: { taskId: failed.id, fromStart: true } },
    undefined,
    headers,
  )
  expect(failures.at(-1)).toMatchObject({ __typename: 'TidingsTaskFailed' })
  const retry = `mutation { tidingsRetryTask(input: { taskId: "${failed.id}" }) { __typename } }`
  expect(await ask(retry)).toEqual({ tidingsRetryTask: { __typename: 'TidingsRetryTaskSuccess' } })
  locked.add('broken.txt')
  await expect(ask(retry)).rejects.toThrow('You may not start this task (CONVERT)')
})
