import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEndOfTurn } from '../../src/async/end-of-turn.ts'
import { createPayload } from '../../src/live/deliver/frames.ts'
import { createGroup, type Group, type Member } from '../../src/live/deliver/group.ts'
import type { PayloadOrPromise } from '../../src/live/deliver/payload-execution.ts'
import type { Sink } from '../../src/live/deliver/sink.ts'
import type { OpenedTopic } from '../../src/live/execute/topic-field.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { appendMany, createMemoryWorld, createTopic, type Fault, startNode, type TestNode } from '../log/support.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

interface GroupWorld extends AsyncDisposable {
  readonly node: TestNode
  readonly group: Group<null>
  /** Emits an ephemeral event, which is retained. */
  tell(report: string): void
  /** Adds a member at a seq and returns the payloads written to it. */
  join(at: number, onReset?: Member['onReset'], onFull?: Member['onFull']): readonly string[]
}

/**
 * Starts a group for a topic with two events. The test controls how the bus handles later events.
 */
async function startGroup(
  topic: string,
  nextFault: () => Fault,
  execute: (value: unknown) => PayloadOrPromise = (value) => createPayload(String(value)),
  onRead: (seq: number) => void = () => undefined,
): Promise<GroupWorld> {
  await using stack = new AsyncDisposableStack()
  await createTopic(database.database, topic)
  const bus = createMemoryWorld().connect(nextFault)
  const node = stack.use(await startNode({ database: database.database, bus, checkMs: 60_000 }))
  await appendMany(node, topic, 2)
  let tell: (report: unknown) => void = () => undefined
  const shared: OpenedTopic<null> = {
    topic,
    snapshot: () => Promise.resolve({ seq: 0, state: null }),
    isLast: () => false,
    classOf: () => 'keep',
    join: () => null,
    read(update) {
      if (update.is === 'snapshot') return update.reason
      onRead(update.event.seq)
      return update.event.seq
    },
    ephemeral: {
      isWanted: true,
      isWantedAfter: () => true,
      isRetained: true,
      watch: (told) => {
        tell = told
        return () => undefined
      },
      read: () => Promise.resolve(undefined),
      toValue: (report, seq) => `${String(report)} at ${seq}`,
    },
  }
  const turn = createEndOfTurn((error) => {
    throw error
  })
  const group = createGroup({
    groups: { feeds: node.feeds, payloads: new WeakMap(), tracing: noTracing, turn },
    topic: shared,
    execute,
    isShared: true,
  })
  stack.defer(() => group.close())
  await group.opened
  const never = (): never => {
    throw new Error('The member was let go')
  }
  const opened = stack.move()
  return {
    node,
    group,
    tell: (report) => tell(report),
    join(at, onReset = never, onFull = never) {
      const texts: string[] = []
      const sink: Sink = {
        isFull: () => false,
        write: ({ payloads }) => void texts.push(...payloads.map(({ text }) => text)),
        drained: (listener) => listener(),
        refine: (error) => error,
        opened: () => undefined,
        closed: () => undefined,
      }
      const sinkOperation = { sink, operationId: Buffer.alloc(0), number: 1 }
      expect(group.join({ ...sinkOperation, at, onFull, onEnd: never, onReset, onFailure: never })).toBe(true)
      return texts
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

test('delivers the retained ephemeral event also to a member that has read further in the log than the bus has delivered', async () => {
  const name = 'stands:1'
  await using world = await startGroup(name, () => 'lose')
  const { node, join, tell, group } = world
  await appendMany(node, name, 2)
  const [behind, ahead] = [join(2), join(4)]
  tell('one is here')
  await vi.waitFor(() => expect(behind).toEqual(['one is here at 2']))
  expect(ahead).toEqual(['one is here at 4'])
  await node.feeds.check()
  tell('two are here')
  await vi.waitFor(() => expect(behind).toEqual(['one is here at 2', '3', '4', 'two are here at 4']))
  expect(ahead).toEqual(['one is here at 4', 'two are here at 4'])
  // A null state is shared by all members.
  expect(await group.execute({ is: 'snapshot', reason: 'LAGGED', seq: 4, state: null, isLast: false })).toMatchObject({
    text: 'LAGGED',
  })
})

test('delivers the retained ephemeral event to such a member also when it arrives together with the events', async () => {
  const name = 'stands:2'
  let fault: Fault = 'lose'
  await using world = await startGroup(name, () => fault)
  const { node, join, tell } = world
  await appendMany(node, name, 3)
  const [behind, ahead, far] = [join(2), join(4), join(5)]
  const { events } = await node.reader.read(name, 2, 10)
  fault = 'pass'
  tell('one is here')
  node.bus.publish(name, events)
  await vi.waitFor(() => expect(behind).toEqual(['one is here at 2', '3', '4', '5']))
  expect(ahead).toEqual(['one is here at 4', '5'])
  expect(far).toEqual(['one is here at 5'])
})

test('emits no ephemeral event between a failover and the reset that follows, as its cursor would be of the new epoch', async () => {
  await using world = await startGroup('epoch:1', () => 'pass')
  const { node, join, tell, group } = world
  const onReset = vi.fn<() => void>()
  const member = join(2, onReset)
  // As by a statement that finds the log on another timeline, before the feeds are compared.
  await node.reader.renewEpoch(node.reader.epoch)
  tell('one is here')
  await new Promise(setImmediate)
  const late = join(2, onReset)
  expect([member, late]).toEqual([[], []])
  await node.feeds.check()
  expect(onReset.mock.calls).toHaveLength(2)
  const [next] = [join(2)]
  expect(next).toEqual(['one is here at 2'])
  group.close()
})

test('writes no event of the former log after a failover, as a member of the new epoch may have joined', async () => {
  const execution = Promise.withResolvers<void>()
  await using world = await startGroup(
    'epoch:2',
    () => 'pass',
    (value) => execution.promise.then(() => createPayload(String(value))),
  )
  const { node, join } = world
  const onReset = vi.fn<() => void>()
  const member = join(2, onReset)
  await appendMany(node, 'epoch:2', 1)
  await vi.waitFor(() => expect(world.node.feeds.counters.delivered).toBe(1))
  await node.reader.renewEpoch(node.reader.epoch)
  const late = join(2, onReset)
  execution.resolve()
  await new Promise(setImmediate)
  await node.feeds.check()
  expect(onReset.mock.calls).toHaveLength(2)
  expect([member, late]).toEqual([[], []])
})

test('when the log goes back, as after restoring a backup, delivers the retained ephemeral event at an existing seq and skips no event', async () => {
  const name = 'stands:3'
  await using world = await startGroup(name, () => 'pass')
  const { node, join, tell } = world
  const onReset = vi.fn()
  const before = join(2, onReset)
  tell('one is here')
  await vi.waitFor(() => expect(before).toEqual(['one is here at 2']))
  const { pool } = database.database
  await pool.query('delete from tidings.event where topic = $1 and seq > 1', [name])
  await pool.query('update tidings.topic set seq = 1 where name = $1', [name])
  await node.feeds.check()
  expect(onReset).toHaveBeenCalledOnce()
  const after = join(1)
  expect(after).toEqual(['one is here at 1'])
  tell('two are here')
  await vi.waitFor(() => expect(after).toEqual(['one is here at 1', 'two are here at 1']))
  await appendMany(node, name, 1)
  await vi.waitFor(() => expect(after.at(-1)).toBe('2'))
})

test('resets only members that have not received the pruned events', async () => {
  const name = 'pruned:1'
  let fault: Fault = 'lose'
  await using world = await startGroup(name, () => fault)
  const { node, join } = world
  await appendMany(node, name, 3)
  // The first member received what the bus delivered, the others have read the log further.
  const onReset = vi.fn()
  const [behind, atPruned, ahead] = [join(2, onReset), join(4), join(5)]
  const { pool } = database.database
  await pool.query('delete from tidings.event where topic = $1 and seq <= 4', [name])
  await pool.query('update tidings.topic set pruned_seq = 4 where name = $1', [name])
  await node.feeds.check()
  expect(onReset.mock.calls).toEqual([['PRUNED']])
  fault = 'pass'
  await appendMany(node, name, 1)
  await vi.waitFor(() => expect(ahead).toEqual(['6']))
  expect(atPruned).toEqual(['5', '6'])
  expect(behind).toEqual([])
})

test('executes again for the next late subscriber when an execution for an earlier one failed', async () => {
  const name = 'renders:1'
  let tries = 0
  const execute = async (value: unknown) => {
    if (++tries === 1) throw new Error('The database is away')
    return createPayload(String(value))
  }
  await using world = await startGroup(name, () => 'pass', execute)
  const [event] = (await world.node.reader.read(name, 0, 1)).events
  if (event === undefined) throw new Error('There is no event')
  await expect(world.group.execute({ is: 'event', event })).rejects.toThrow('away')
  expect(await world.group.execute({ is: 'event', event })).toMatchObject({ text: '1' })
  // Subscribers that catch up at the same time share the execution.
  expect(await world.group.execute({ is: 'event', event })).toMatchObject({ text: '1' })
  expect(tries).toBe(2)
})

test('makes its members catch up from the log when an event cannot be delivered, instead of skipping it', async () => {
  const name = 'defect:1'
  let isBroken = true
  const onRead = (seq: number): void => {
    if (seq === 4 && isBroken) throw new Error('a defect')
  }
  await using world = await startGroup(name, () => 'pass', undefined, onRead)
  const { node, join } = world
  const onFull = vi.fn<() => void>()
  const texts = join(2, undefined, onFull)
  await appendMany(node, name, 1)
  await vi.waitFor(() => expect(texts).toEqual(['3']))
  await appendMany(node, name, 1)
  await vi.waitFor(() => expect(onFull).toHaveBeenCalledTimes(1))
  isBroken = false
  // It joins again at the position it has caught up to.
  const again = join(4)
  await appendMany(node, name, 1)
  await vi.waitFor(() => expect(again).toEqual(['5']))
  expect(texts).toEqual(['3'])
})
