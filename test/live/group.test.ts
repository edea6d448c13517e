import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { SharedTopic } from '../../src/live/field.ts'
import { createPayload } from '../../src/live/frames.ts'
import { createGroup, type Member } from '../../src/live/group.ts'
import type { Outlet } from '../../src/live/outlet.ts'
import { createTurn } from '../../src/live/turn.ts'
import { noTracing } from '../../src/tracing.ts'
import { appendMany, createMemoryWorld, createTopic, startNode } from '../log/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

test('what stands is told also to one who has read further in the log than the bus has brought', async () => {
  const name = 'stands:1'
  await createTopic(database.database, name)
  await using node = await startNode({
    database: database.database,
    bus: createMemoryWorld().connect(() => 'lose'),
    checkMs: 60_000,
  })
  await appendMany(node, name, 2)
  let tell: (report: unknown) => void = () => undefined
  const topic: SharedTopic<null> = {
    topic: name,
    snapshot: () => Promise.resolve({ seq: 0, state: null }),
    isLast: () => false,
    classOf: () => 'keep',
    join: () => null,
    createReader: () => ({
      read: (followed) => (followed.is === 'event' ? followed.event.seq : followed.reason),
      readPassing: (report, seq) => `${String(report)} at ${seq}`,
    }),
    passing: {
      isWanted: true,
      isWantedAfter: () => true,
      isStanding: true,
      watch: (told) => {
        tell = told
        return () => undefined
      },
    },
  }
  const group = createGroup({
    groups: {
      feeds: node.feeds,
      rendered: new WeakMap(),
      tracing: noTracing,
      turn: createTurn((error) => {
        throw error
      }),
    },
    topic,
    render: (value) => createPayload(String(value)),
  })
  await group.opened
  await appendMany(node, name, 2)
  const join = (at: number): string[] => {
    const texts: string[] = []
    const outlet: Outlet = {
      isFull: () => false,
      write: ({ payloads }) => void texts.push(...payloads.map(({ text }) => text)),
      drained: (listener) => listener(),
      refine: (error) => error,
      opened: () => true,
      closed: () => undefined,
    }
    const never = (): never => {
      throw new Error('The member was let go')
    }
    const member: Member = {
      outlet,
      stamp: Buffer.alloc(0),
      number: 1,
      at,
      onFull: never,
      onEnd: never,
      onReset: never,
      onFailure: never,
    }
    expect(group.join(member)).toBe(true)
    return texts
  }
  const [behind, ahead] = [join(2), join(4)]
  tell('one is here')
  await vi.waitFor(() => expect(behind).toEqual(['one is here at 2']))
  expect(ahead).toEqual(['one is here at 4'])
  await node.feeds.check()
  tell('two are here')
  await vi.waitFor(() => expect(behind).toEqual(['one is here at 2', '3', '4', 'two are here at 4']))
  expect(ahead).toEqual(['one is here at 4', 'two are here at 4'])
  // A state that is nothing is one that all share.
  expect(await group.render({ is: 'snapshot', reason: 'LAGGED', seq: 4, state: null })).toMatchObject({
    text: 'LAGGED',
  })
  group.close()
})
