import { expect, test } from 'vitest'
import { connectDatabase } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import type { Position } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import { silentLogger } from '../../src/logger.ts'
import {
  append,
  createMemoryWorld,
  createTopic,
  eventually,
  followTopic,
  positionOf,
  type Recording,
  record,
  startNode,
  type TestNode,
} from '../log/support.ts'
import { startPostgresPair } from '../support/postgres-pair.ts'

const topics = Array.from({ length: 6 }, (_, index) => `failover:${index}`)

interface Subscriber {
  readonly topic: string
  readonly recording: Recording
  /** The position of the last item, as a client holds it. */
  readonly position: () => Position
}

function subscribe(node: TestNode, topic: string, after?: Position): Subscriber {
  let position = after
  const recording = record(followTopic(node, topic, { after }), after?.seq ?? null, (item) => {
    position = positionOf(node, item.is === 'event' ? item.event.seq : item.seq)
  })
  return {
    topic,
    recording,
    position: () => {
      if (position === undefined) throw new Error('It has received nothing')
      return position
    },
  }
}

/** Expects that what a subscriber received before each `RESET` is of the former log, and what follows of the present one. */
function expectNoFalseContinuation(
  { recording, topic }: Subscriber,
  former: ReadonlyMap<string, readonly LogEvent[]>,
  present: ReadonlyMap<string, readonly LogEvent[]>,
  startsIn: 'former' | 'present' = 'former',
): void {
  let log = startsIn === 'former' ? former : present
  for (const item of recording.items) {
    if (item.is === 'snapshot') {
      if (item.reason === 'RESET') log = present
    } else expect(item.event, recording.text).toEqual(log.get(topic)?.[item.event.seq - 1])
  }
  expect(log, recording.text).toBe(present)
}

test('connections to several addresses lead to the primary, before and after a failover', async () => {
  await using pair = await startPostgresPair()
  await using database = await connectDatabase({
    url: pair.urlOfBoth,
    maxConnections: 10,
    statementMs: 60_000,
    logger: silentLogger,
  })
  await migrate(database, silentLogger)
  await using node = await startNode({ database, bus: createMemoryWorld().connect() })
  const [topic = ''] = topics
  await createTopic(database, topic)
  await append(node, topic)
  const { recording } = subscribe(node, topic)
  await recording.reach(1)
  await pair.replicated()
  await pair.failOver()
  // Retried until the standby is promoted and found.
  await append(node, topic)
  await eventually(() => expect(recording.at).toBe(2))
  await pair.restartFormer()
  // Both accept writes, and the former primary is on an older timeline.
  await using late = await connectDatabase({ url: pair.urlOfBoth, maxConnections: 4, logger: silentLogger })
  const { rows } = await late.pool.query('select seq from tidings.topic where name = $1', [topic])
  expect(rows).toEqual([{ seq: 2 }])
  await recording.leave()
})

test.for(['an append', 'a subscriber that resumes', 'the comparison'] as const)(
  'a failover that loses events resets all subscribers, when %s notices it first',
  async (first) => {
    await using pair = await startPostgresPair()
    await using database = await connectDatabase({
      url: pair.url,
      maxConnections: 20,
      statementMs: 60_000,
      logger: silentLogger,
    })
    await migrate(database, silentLogger)
    const world = createMemoryWorld()
    await using one = await startNode({ database, bus: world.connect() })
    await using other = await startNode({ database, bus: world.connect() })
    const nodes = [one, other]
    let written = 0
    const appendAll = async (count: number): Promise<void> => {
      for (const topic of topics)
        for (let index = 0; index < count; index++)
          await one.appender.append({ topic, events: [{ type: 'Said', payload: { text: `text ${written++}` } }] })
    }
    const readLogs = async () => {
      const pages = topics.map(async (topic) => [topic, (await one.reader.read(topic, 0, 1_000)).events] as const)
      return new Map(await Promise.all(pages))
    }
    const subscribeAll = () => topics.flatMap((topic) => nodes.map((node) => subscribe(node, topic)))
    const reach = (subscribers: readonly Subscriber[], seq: number) =>
      Promise.all(subscribers.map(({ recording }) => recording.reach(seq)))

    for (const topic of topics) await createTopic(database, topic)
    await appendAll(5)
    await pair.replicated()
    const live = subscribeAll()
    const leaving = subscribeAll()
    await reach([...live, ...leaving], 5)
    pair.cutReplication()
    await appendAll(4)
    await reach([...live, ...leaving], 9)
    const former = await readLogs()
    await Promise.all(leaving.map(({ recording }) => recording.leave()))
    const positions = leaving.map(({ position }) => position())

    await pair.failOver()
    const resume = () => leaving.map(({ topic }, index) => subscribe(other, topic, positions[index]))
    const resumed = first === 'a subscriber that resumes' ? resume() : []
    if (first === 'the comparison') await other.feeds.check()
    // The new primary continues after 5, and passes the events that it does not have.
    await appendAll(8)
    if (resumed.length === 0) resumed.push(...resume())
    await appendAll(1)
    await Promise.all(nodes.map((node) => node.feeds.check()))
    await eventually(() => {
      for (const { recording } of [...live, ...resumed]) expect(recording.at, recording.text).toBe(14)
    })
    const present = await readLogs()
    for (const subscriber of [...live, ...resumed]) expectNoFalseContinuation(subscriber, former, present)
    expect(
      new Set(resumed.map(({ recording }) => recording.items[0]).map((item) => item?.is === 'snapshot' && item.reason)),
    ).toEqual(new Set(['RESET']))
    await Promise.all([...live, ...resumed].map(({ recording }) => recording.leave()))
  },
)
