import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import SchemaBuilder from '@pothos/core'
import { createClient } from 'graphql-ws'
import { createYoga } from 'graphql-yoga'
import { advance, createTidings, defineTask, viewerOf } from 'tidings'
import { TidingsPlugin } from 'tidings/pothos'
import { useTidings } from 'tidings/yoga'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'
import { silentLogger } from '../../src/logger.ts'
import { createTestDatabase } from '../support/database.ts'

const subscribers = 4

test.each([
  ['once for all subscribers that select fields of Tidings', '', 1],
  [
    'for each subscriber that selects a field of the team, with its own context',
    '... on TaskCompleted { result { ... on CountOutput { seenBy } } }',
    subscribers + 1,
  ],
])('an event is executed %s', async (_, selection, executions) => {
  const gate = Promise.withResolvers<void>()
  const count = defineTask({
    kind: 'COUNT',
    input: z.object({}),
    result: z.object({ sum: z.int() }),
    async *run() {
      yield advance({ percent: 1 })
      await gate.promise
      return { sum: 1 }
    },
  })
  await using undo = new AsyncDisposableStack()
  const database = undo.use(await createTestDatabase())
  const tidings = undo.use(
    createTidings({
      tasks: [count],
      databaseUrl: database.url,
      logger: silentLogger,
      authenticate: () => ({ userId: 'ada' }),
    }),
  )
  const builder = new SchemaBuilder<{ Scalars: { Date: { Input: Date; Output: Date } } }>({
    plugins: [TidingsPlugin],
    tidings: { instance: tidings, types: { DateTime: 'Date' } },
  })
  let serialized = 0
  builder.scalarType('Date', {
    serialize(value) {
      serialized++
      return value.toISOString()
    },
  })
  builder.objectField('CountOutput' as never, 'seenBy', (t) =>
    t.string({ resolve: (__, ___, context) => viewerOf(context)?.userId ?? 'nobody' }),
  )
  const yoga = createYoga({ schema: builder.toSchema(), logging: false, plugins: [useTidings(tidings)] })
  const server = createServer(yoga)
  await tidings.attach(server)
  await tidings.worker()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.defer(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const { id: taskId } = await tidings.start(count, {}, { owner: 'ada' })
  const query = `subscription ($taskId: ID!) {
    taskProgress(taskId: $taskId, fromStart: true) { __typename seq at ${selection} }
  }`
  const operation = { query, variables: { taskId } }
  const seen: unknown[][] = []
  const ended: Promise<unknown>[] = []
  for (let index = 0; index < subscribers; index++) {
    const client = createClient({ url: `${url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket })
    undo.defer(() => client.dispose())
    const events: unknown[] = []
    seen.push(events)
    const follow = async (): Promise<void> => {
      for await (const { data } of client.iterate(operation)) events.push(data?.['taskProgress'])
    }
    ended.push(follow())
  }
  const parameters = new URLSearchParams({ query, variables: JSON.stringify({ taskId }) })
  const response = await fetch(`${url}/graphql?${parameters}`, { headers: { accept: 'text/event-stream' } })
  let stream = ''
  const read = async (): Promise<void> => {
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) stream += part
  }
  ended.push(read())
  // All of them wait for the last event.
  await expect.poll(() => seen.map((events) => events.length)).toEqual(seen.map(() => 3))
  await expect.poll(() => stream).toContain('"seq":3')
  serialized = 0
  gate.resolve()
  await Promise.all(ended)
  const last = { __typename: 'TaskCompleted', seq: 4, ...(selection === '' ? {} : { result: { seenBy: 'ada' } }) }
  for (const events of seen) expect(events.at(-1)).toMatchObject(last)
  expect(stream).toContain('"seq":4')
  expect(serialized).toBe(executions)
})
