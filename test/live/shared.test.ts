import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { withTransaction } from '../../src/db/connect.ts'
import { deleteTopic } from '../../src/log/topic.ts'
import { viewerOf } from '../support/api.ts'
import { type LiveFixture, ownQuery, range, seqsOf, startLive, watchQuery } from './support.ts'

let fixture: LiveFixture
beforeAll(async () => {
  fixture = await startLive()
})
afterAll(() => fixture[Symbol.asyncDispose]())

const kinds = [
  ['that shares its execution', watchQuery],
  ['that depends on the viewer', ownQuery],
] as const

describe('sharing', () => {
  test('executes each event once for any number of subscribers', async () => {
    const task = await fixture.createTask()
    const watchers = await Promise.all(Array.from({ length: 50 }, () => fixture.subscribe(task)))
    for (const { seen } of watchers) await vi.waitFor(() => expect(seen).toHaveLength(1))
    const before = fixture.live.counters.executed
    await fixture.append(task, 4)
    for (const { seen } of watchers) await vi.waitFor(() => expect(seqsOf(seen)).toEqual([1, 2, 3, 4, 5]))
    expect(fixture.live.counters.executed - before).toBe(4)
    // One append is one bus message: all of it is sent in one write.
    for (const { sink } of watchers) expect(sink.writes()).toBe(2)
    for (const one of watchers) one.leave()
    expect(fixture.live.size).toBe(0)
    await vi.waitFor(() => expect(fixture.engine.feeds.size).toBe(0))
  })

  test('is shared by documents of the same text and by cursors, not by different selections', async () => {
    const task = await fixture.createTask()
    const query =
      'subscription ($id: ID!, $after: Cursor) { taskProgress(taskId: $id, after: $after) { __typename seq cursor } }'
    const one = await fixture.subscribe(task, { query })
    const two = await fixture.subscribe(task, { query: query.replaceAll(' {', '\n{') })
    await vi.waitFor(() => expect(two.seen).toHaveLength(1))
    const three = await fixture.subscribe(task, { query, after: two.seen[0]?.cursor })
    expect(fixture.live.size).toBe(1)
    const other = await fixture.subscribe(task, { query: query.replace('seq', 'status seq') })
    expect(fixture.live.size).toBe(2)
    for (const left of [one, two, three, other]) left.leave()
    expect(fixture.live.size).toBe(0)
  })

  test('is not done for operations that depend on the viewer', async () => {
    const task = await fixture.createTask()
    const watchers = await Promise.all([1, 2, 3].map(() => fixture.subscribe(task, { query: ownQuery })))
    for (const { seen } of watchers) await vi.waitFor(() => expect(seen).toHaveLength(1))
    expect(fixture.live.size).toBe(3)
    const before = fixture.live.counters.executed
    await fixture.append(task, 4)
    for (const { seen } of watchers) await vi.waitFor(() => expect(seqsOf(seen)).toEqual([1, 2, 3, 4, 5]))
    expect(fixture.live.counters.executed - before).toBe(12)
    for (const one of watchers) one.leave()
    expect(fixture.live.size).toBe(0)
    await vi.waitFor(() => expect(fixture.engine.feeds.size).toBe(0))
  })
})

describe.for(kinds)('a subscription %s', ([, query]) => {
  const subscribe: LiveFixture['subscribe'] = (task, options) => fixture.subscribe(task, { query, ...options })

  test('begins with a snapshot, then sends every event in order, and completes after the last', async () => {
    const task = await fixture.createTask()
    const { seen, ended } = await subscribe(task)
    await vi.waitFor(() => expect(seen).toHaveLength(1))
    await fixture.append(task, 3)
    await fixture.complete(task)
    await ended
    expect(seen.map(({ __typename }) => __typename)).toEqual([
      'TaskSnapshot',
      'TaskAdvanced',
      'TaskAdvanced',
      'TaskAdvanced',
      'TaskCompleted',
    ])
    expect(seqsOf(seen)).toEqual([1, 2, 3, 4, 5])
    expect(seen[0]?.reason).toBe('SUBSCRIBED')
  })

  test('after a cursor sends exactly the events that follow it, and waits when there are none', async () => {
    const task = await fixture.createTask()
    await fixture.append(task, 5)
    const first = await subscribe(task, { fromStart: true })
    await vi.waitFor(() => expect(seqsOf(first.seen)).toEqual(range(1, 6)))
    const cursor = (seq: number) => first.seen[seq - 1]?.cursor
    const middle = await subscribe(task, { after: cursor(4) })
    const end = await subscribe(task, { after: cursor(6) })
    await vi.waitFor(() => expect(seqsOf(middle.seen)).toEqual([5, 6]))
    await fixture.append(task)
    await vi.waitFor(() => expect(seqsOf(end.seen)).toEqual([7]))
    expect(seqsOf(middle.seen)).toEqual([5, 6, 7])
    for (const one of [first, middle, end]) one.leave()
  })

  test('completes at once after the cursor of the last event', async () => {
    const task = await fixture.createTask()
    await fixture.complete(task)
    const first = await subscribe(task, { fromStart: true })
    await first.ended
    const again = await subscribe(task, { after: first.seen.at(-1)?.cursor })
    await again.ended
    expect(again.seen).toEqual([])
  })

  test('neither loses nor repeats events while subscribers join and leave a topic that is being written to', async () => {
    const task = await fixture.createTask()
    const watchers: Awaited<ReturnType<LiveFixture['subscribe']>>[] = []
    let isOver = false
    const writing = (async () => {
      for (let i = 0; i < 150; i++) {
        // However slow joining is, some subscribers join throughout.
        while (watchers.length < i / 12) await delay(1)
        await fixture.append(task, 1 + (i % 4))
      }
      isOver = true
      await fixture.complete(task)
    })()
    let last: string | undefined
    while (!isOver) {
      const kind = watchers.length % 3
      const one = await subscribe(task, kind === 0 ? {} : kind === 1 ? { fromStart: true } : { after: last })
      watchers.push(one)
      last = watchers.findLast(({ seen }) => seen.length > 0)?.seen.at(-1)?.cursor
    }
    await writing
    const final = 1 + 37 * 10 + 1 + 2 + 1
    for (const { seen, ended } of watchers) {
      await ended
      const seqs = seqsOf(seen)
      expect(seqs).toEqual(range(seqs[0] ?? 0, final))
    }
    expect(watchers.length).toBeGreaterThan(10)
    expect(fixture.live.size).toBe(0)
  })

  test('refuses a viewer that may not see the task, whatever other subscribers exist', async () => {
    const task = await fixture.createTask('u_1')
    const owner = await subscribe(task)
    await vi.waitFor(() => expect(owner.seen).toHaveLength(1))
    await expect(subscribe(task, { viewer: viewerOf('u_2') })).rejects.toThrow('There is no')
    await expect(subscribe(task, { viewer: viewerOf('u_1', { taskIds: [] }) })).rejects.toThrow('There is no')
    owner.leave()
  })

  test('refuses a cursor of another topic, and reports when it is of another epoch of the log', async () => {
    const [task, other] = [await fixture.createTask(), await fixture.createTask()]
    const { seen, leave } = await subscribe(other)
    await vi.waitFor(() => expect(seen).toHaveLength(1))
    await expect(subscribe(task, { after: seen[0]?.cursor })).rejects.toThrow('belongs to another topic')
    await expect(subscribe(task, { after: 'nonsense' })).rejects.toThrow('is not a cursor')
    expect(fixture.live.size).toBe(1)
    const lost = await subscribe(other, { after: `x${seen[0]?.cursor ?? ''}` })
    await vi.waitFor(() => expect(lost.seen[0]?.reason).toBe('RESET'))
    leave()
    lost.leave()
  })

  test('fails for all subscribers when the topic is deleted, at the next check', async () => {
    const task = await fixture.createTask()
    const subscribers = [await subscribe(task), await subscribe(task, { fromStart: true })]
    for (const { seen } of subscribers) await vi.waitFor(() => expect(seen).toHaveLength(1))
    await withTransaction(fixture.database, (client) => deleteTopic(client, `task:${task.id}`))
    await fixture.engine.feeds.check()
    for (const { ended } of subscribers) await expect(ended).rejects.toThrow('There is no')
    expect(fixture.live.size).toBe(0)
  })

  test('reports the queue position as it changes, also to late subscribers', async () => {
    const task = await fixture.createTask()
    const before = await fixture.createTask()
    const queue = (id: string, at: string) =>
      fixture.database.pool.query(`update tidings.task set status = 'QUEUED', queue_key = $2 where id = $1`, [id, at])
    await queue(before.id, '2024-01-01')
    await queue(task.id, '2024-01-02')
    const first = await subscribe(task)
    await vi.waitFor(() =>
      expect(first.seen.at(-1)).toMatchObject({ __typename: 'TaskQueueMoved', queue: { position: 2 } }),
    )
    const second = await subscribe(task)
    await vi.waitFor(() => expect(second.seen.at(-1)?.__typename).toBe('TaskQueueMoved'))
    await fixture.database.pool.query(`update tidings.task set status = 'RUNNING' where id = $1`, [before.id])
    fixture.engine.queuePositions.moved('CREATE_ROADMAP')
    for (const { seen } of [first, second])
      await vi.waitFor(() =>
        expect(seen.at(-1)).toMatchObject({ __typename: 'TaskQueueMoved', queue: { position: 1 } }),
      )
    expect(JSON.parse(first.sink.texts.at(-1) ?? '')).toMatchObject({ extensions: { tidings: { kind: 'ephemeral' } } })
    await fixture.append(task)
    for (const { seen, leave } of [first, second]) {
      await vi.waitFor(() => expect(seen.at(-1)).toMatchObject({ __typename: 'TaskAdvanced', seq: 2 }))
      leave()
    }
    await fixture.database.pool.query(`update tidings.task set status = 'RUNNING' where id = $1`, [task.id])
  })

  test('marks what is not in the log, and what nothing follows', async () => {
    const marksOf = ({ sink }: { readonly sink: { readonly texts: readonly string[] } }) =>
      sink.texts.map((text) => (JSON.parse(text) as { extensions?: { tidings: object } }).extensions?.tidings)
    const task = await fixture.createTask()
    const first = await subscribe(task)
    await vi.waitFor(() => expect(first.seen).toHaveLength(1))
    await fixture.append(task)
    await fixture.complete(task)
    await first.ended
    expect(marksOf(first)).toEqual([{ kind: 'snapshot' }, undefined, { last: true }])
    const replay = await subscribe(task, { fromStart: true })
    await replay.ended
    expect(marksOf(replay)).toEqual([undefined, undefined, { last: true }])
    const late = await subscribe(task)
    await late.ended
    expect(marksOf(late)).toEqual([{ kind: 'snapshot', last: true }])
  })

  test('never settles a pending next() after it is unsubscribed, so that its id may be reused at once', async () => {
    const task = await fixture.createTask()
    const left = await subscribe(task)
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    left.ended.then(settle, settle)
    left.leave()
    const next = await subscribe(task)
    await vi.waitFor(() => expect(next.seen).toHaveLength(1))
    await fixture.complete(task)
    await next.ended
    expect(isSettled).toBe(false)
    expect(left.seen).toEqual([])
  })
})

describe.for(kinds)('a slow subscriber %s', ([, query]) => {
  const subscribe: LiveFixture['subscribe'] = (task, options) => fixture.subscribe(task, { query, ...options })

  const output = (index: number) => ({
    type: 'TaskOutput',
    payload: { stream: 's', offset: index * 4, text: `abc${index % 10}` },
  })

  test('is sent compacted events by class once it reads again, without delaying others', async () => {
    const task = await fixture.createTask()
    const [slow, quick] = [await subscribe(task), await subscribe(task)]
    for (const { seen } of [slow, quick]) await vi.waitFor(() => expect(seen).toHaveLength(1))
    slow.sink.setFull(true)
    await fixture.append(task, 10)
    await fixture.append(task, 20, output)
    await fixture.append(task, 1, () => ({ type: 'TaskBatchCompleted' }))
    await fixture.append(task, 10)
    await vi.waitFor(() => expect(seqsOf(quick.seen)).toEqual(range(1, 42)))
    expect(slow.seen).toHaveLength(1)
    slow.sink.setFull(false)
    await vi.waitFor(() => expect(slow.seen).toHaveLength(4))
    expect(slow.seen.slice(1)).toMatchObject([
      {
        __typename: 'TaskOutput',
        seq: 31,
        offset: 0,
        text: Array.from({ length: 20 }, (_, i) => `abc${i % 10}`).join(''),
      },
      { __typename: 'TaskBatchCompleted', seq: 32 },
      { __typename: 'TaskAdvanced', seq: 42 },
    ])
    // The skipped numbers are not reported as lost events.
    const extensions = slow.sink.texts.map((text) => (JSON.parse(text) as { extensions?: object }).extensions)
    expect(extensions.slice(1)).toEqual([{ tidings: { follows: 1 } }, undefined, { tidings: { follows: 32 } }])
    slow.sink.setFull(true)
    await fixture.append(task, 5)
    await fixture.complete(task)
    await quick.ended
    slow.sink.setFull(false)
    await slow.ended
    const marks = slow.sink.texts.slice(-2).map((text) => (JSON.parse(text) as { extensions?: object }).extensions)
    expect(marks).toEqual([{ tidings: { follows: 42 } }, { tidings: { last: true } }])
  })

  test('receives a snapshot when it has missed too much, and continues from there', async () => {
    const task = await fixture.createTask()
    const slow = await subscribe(task)
    await vi.waitFor(() => expect(slow.seen).toHaveLength(1))
    slow.sink.setFull(true)
    for (let i = 0; i < 3; i++) await fixture.append(task, 300, () => ({ type: 'TaskBatchCompleted' }))
    slow.sink.setFull(false)
    await vi.waitFor(() =>
      expect(slow.seen.at(-1)).toMatchObject({ __typename: 'TaskSnapshot', reason: 'LAGGED', seq: 901 }),
    )
    expect(slow.seen).toHaveLength(2)
    await fixture.complete(task)
    await slow.ended
    expect(slow.seen.at(-1)).toMatchObject({ __typename: 'TaskCompleted', seq: 902 })
  })

  test('reads all of a long history, however slowly', async () => {
    const task = await fixture.createTask()
    for (let i = 0; i < 3; i++) await fixture.append(task, 300, () => ({ type: 'TaskBatchCompleted' }))
    const slow = await subscribe(task, { fromStart: true })
    for (let i = 0; slow.seen.length < 901; i++) {
      slow.sink.setFull(i % 50 < 10)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(seqsOf(slow.seen)).toEqual(range(1, 901))
    slow.leave()
  })
})

describe.for(kinds)('a polling client %s', ([, query]) => {
  test('receives what the log has, then the queue position while the task waits, and completes', async () => {
    const task = await fixture.createTask()
    const readPositions = vi.spyOn(fixture.engine.queuePositions, 'of')
    await fixture.append(task, 3)
    const first = await fixture.poll(task, { query, fromStart: true })
    expect(first.map(({ __typename, seq }) => [__typename, seq])).toEqual([
      ['TaskStarted', 1],
      ['TaskAdvanced', 2],
      ['TaskAdvanced', 3],
      ['TaskAdvanced', 4],
    ])
    const after = first.at(-1)?.cursor
    expect(await fixture.poll(task, { query, after })).toEqual([])
    expect(readPositions).not.toHaveBeenCalled()
    const setStatus = (status: string) =>
      fixture.database.pool.query(`update tidings.task set status = $2, queue_key = '2020-01-01' where id = $1`, [
        task.id,
        status,
      ])
    await setStatus('QUEUED')
    const [position, ...others] = await fixture.poll(task, { query, after })
    expect(position).toMatchObject({ __typename: 'TaskQueueMoved', seq: 4, cursor: after, queue: { position: 1 } })
    expect(others).toEqual([])
    await setStatus('RUNNING')
    await fixture.complete(task)
    const rest = await fixture.poll(task, { query, after })
    expect(rest.map(({ __typename, seq }) => [__typename, seq])).toEqual([['TaskCompleted', 5]])
    await vi.waitFor(() => expect(fixture.engine.feeds.size).toBe(0))
  })

  test('receives all of a long history', async () => {
    const task = await fixture.createTask()
    for (let i = 0; i < 3; i++) await fixture.append(task, 300, () => ({ type: 'TaskBatchCompleted' }))
    expect(seqsOf(await fixture.poll(task, { query, fromStart: true }))).toEqual(range(1, 901))
  })

  test('begins with a snapshot, and is refused what others are', async () => {
    const task = await fixture.createTask()
    expect(await fixture.poll(task, { query })).toMatchObject([{ __typename: 'TaskSnapshot', seq: 1 }])
    await expect(fixture.poll(task, { query, after: 'nonsense' })).rejects.toThrow('is not a cursor')
    await expect(fixture.poll(await fixture.createTask('u_2'), { query })).rejects.toThrow('There is no')
  })
})
