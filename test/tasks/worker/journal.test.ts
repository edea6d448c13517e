import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { LogEvent } from '../../../src/log/event.ts'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { advance, declareItems, item, output, type Report, stage } from '../../../src/tasks/model/report.ts'
import type { TaskItem } from '../../../src/tasks/model/task.ts'
import type { TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { createTaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { type EngineFixture, progressOf, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'
import { heapUsed } from '../../support/heap.ts'

shareDatabase()

/** Creates a kind `K` with a single attempt that yields what `reports` yields. */
function kind(
  reports: () => AsyncGenerator<Report, void, void>,
  options: Partial<Pick<TaskDefinition, 'stages' | 'attempts'>> = {},
): TaskDefinition {
  return createTaskDefinition({
    kind: 'K',
    input: z.object({}),
    attempts: 1,
    ...options,
    async *run() {
      yield* reports()
      return {}
    },
  }) as TaskDefinition
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Joins the text of a stream's events, checking each offset against the preceding text. */
function joinStream(events: readonly LogEvent[], stream: string): string {
  let text = ''
  for (const { type, payload } of events) {
    if (type !== 'TaskOutput' || payload['stream'] !== stream) continue
    expect(payload['offset']).toBe(text.length)
    text += payload['text'] as string
  }
  return text
}

async function runOnce(fixture: EngineFixture): Promise<readonly LogEvent[]> {
  return fixture.run('K')
}

describe('the journal', () => {
  test('turns the reports of a task into events, in order, each with the resulting progress', async () => {
    const definition = kind(async function* () {
      yield stage('parse', 0, 'Reading')
      yield declareItems([
        { key: 'a', label: 'A' },
        { key: 'b', label: 'B' },
      ])
      yield item.started('a')
      yield item.completed('a')
      yield stage('write', 0)
      yield item.started('b')
      yield item.failed('b', { code: 'NO', message: 'No.', retryable: false, advice: null })
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await runOnce(fixture)
    expect(typesOf(events)).toEqual([
      'TaskQueued',
      'TaskStarted',
      'TaskAdvanced',
      'TaskItemsAdded',
      'TaskItemStarted',
      'TaskItemCompleted',
      'TaskAdvanced',
      'TaskItemStarted',
      'TaskItemFailed',
      'TaskBatchCompleted',
      'TaskCompleted',
    ])
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(progressOf(events[2])).toMatchObject({ stage: 'parse', message: 'Reading', percent: 0 })
    expect(events[5]?.payload).toMatchObject({
      item: { key: 'a', status: 'COMPLETED', percent: 100 },
      progress: { percent: 50, completedItems: 1, failedItems: 0, totalItems: 2 },
    })
    expect(progressOf(events[6])).toMatchObject({ stage: 'write', message: null })
    expect(events[8]?.payload).toMatchObject({ item: { key: 'b', status: 'FAILED', error: { code: 'NO' } } })
    expect(progressOf(events[9])).toMatchObject({ completedItems: 1, failedItems: 1, totalItems: 2 })
  })

  test('merges a burst of advances: the first at once, few in between, always the last', async () => {
    const count = 2_000
    let startedAt = 0
    let endedAt = 0
    const definition = kind(async function* () {
      startedAt = performance.now()
      for (let i = 1; i <= count; i++) {
        yield advance({ percent: (i / count) * 90, message: `step ${i}` })
        if (i % 20 === 0) await turn()
      }
      endedAt = performance.now()
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 50 } })
    const events = await runOnce(fixture)
    const advances = events.filter(({ type }) => type === 'TaskAdvanced')
    // One per window, the first, and one that may begin as the burst ends.
    expect(advances.length).toBeLessThanOrEqual((endedAt - startedAt) / 50 + 2)
    expect(advances.length).toBeGreaterThanOrEqual(1)
    expect(progressOf(events.at(-1))).toMatchObject({ message: `step ${count}`, percent: 100 })
  })

  test('writes the last advance of a burst while the task runs without further reports', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = kind(async function* () {
      for (let i = 1; i <= 30; i++) yield advance({ percent: i })
      await gate.promise
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('K')
    await fixture.event(task, 'TaskAdvanced', (event) => progressOf(event)['percent'] === 30)
    expect((await fixture.get(task)).progress.percent).toBe(30)
    gate.resolve()
    await fixture.history(task)
  })

  test('writes the first advance after a pause before the window has passed', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = kind(async function* () {
      yield advance({ percent: 1 })
      await gate.promise
    })
    // The window is longer than the test: an advance that waited for it would never be written.
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    const task = await fixture.start('K')
    await fixture.event(task, 'TaskAdvanced')
    gate.resolve()
    await fixture.history(task)
  })

  test('writes stages, items and the end at once, together with everything pending', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 1 })
      await turn()
      yield advance({ percent: 2, message: 'pending' })
      yield output('log', 'pending text')
      yield stage('next', 0)
      yield declareItems([{ key: 'a', label: 'A' }])
      yield item.started('a')
      yield item.advanced('a', 40)
      yield output('log', ' and more')
      yield item.completed('a')
      yield output('log', ' at the end')
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    const events = await runOnce(fixture)
    expect(typesOf(events).filter((type) => type !== 'TaskAdvanced')).toEqual([
      'TaskQueued',
      'TaskStarted',
      'TaskOutput',
      'TaskItemsAdded',
      'TaskItemStarted',
      'TaskOutput',
      'TaskItemCompleted',
      'TaskBatchCompleted',
      'TaskOutput',
      'TaskCompleted',
    ])
    expect(joinStream(events, 'log')).toBe('pending text and more at the end')
  })

  test('counts the offsets of interleaved streams in UTF-16 units and keeps emoji whole', async () => {
    const pieces: readonly (readonly [string, string])[] = [
      ['a', 'héllo 👋'],
      ['b', '日本'],
      ['a', ' 👩‍👩‍👧'],
      ['b', ''],
      ['b', '語'],
      ['a', '🏁'],
    ]
    const definition = kind(async function* () {
      for (let round = 0; round < 40; round++) {
        for (const [stream, text] of pieces) yield output(stream, text)
        await turn()
      }
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5 } })
    const task = await fixture.start('K')
    const events = await fixture.history(task)
    const textOf = (stream: string): string =>
      pieces
        .filter(([name]) => name === stream)
        .map(([, text]) => text)
        .join('')
        .repeat(40)
    expect(joinStream(events, 'a')).toBe(textOf('a'))
    expect(joinStream(events, 'b')).toBe(textOf('b'))
    expect(await fixture.engine.store.outputs(task.id, events.length)).toEqual([
      { stream: 'a', text: textOf('a') },
      { stream: 'b', text: textOf('b') },
    ])
    expect(events.filter(({ type }) => type === 'TaskOutput').length).toBeLessThan(40 * 2)
  })

  test('keeps a surrogate pair together when it is split over two chunks, in any window', async () => {
    const gate = Promise.withResolvers<void>()
    const definition = kind(async function* () {
      yield output('s', 'smile \ud83d')
      await gate.promise
      yield output('s', '\ude00 done')
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 1 } })
    const task = await fixture.start('K')
    await fixture.event(task, 'TaskOutput')
    gate.resolve()
    const events = await fixture.history(task)
    expect(typesOf(events).at(-1)).toBe('TaskCompleted')
    expect(joinStream(events, 's')).toBe('smile 😀 done')
  })

  test('replaces characters that the database cannot store instead of failing the task', async () => {
    const definition = createTaskDefinition({
      kind: 'K',
      input: z.object({}),
      async *run() {
        yield stage('st\u0000age', 0, 'null \u0000 and half \udc00')
        yield declareItems([{ key: 'a', label: 'la\u0000bel' }])
        yield item.failed('a', { code: 'X', message: '\u0000', retryable: false, advice: '\ud800' })
        yield output('s', 'a\u0000b\udc00c')
        yield output('s', 'tail\ud83d')
        return { text: '\u0000', nested: [{ '\u0000key': '\ud800' }] }
      },
    })
    await using fixture = await startTestEngine({ definitions: [definition as TaskDefinition] })
    const events = await runOnce(fixture)
    expect(typesOf(events).at(-1)).toBe('TaskCompleted')
    expect(joinStream(events, 's')).toBe('a\ufffdb\ufffdctail\ufffd')
    expect(events.at(-1)?.payload).toMatchObject({ result: { text: '\ufffd', nested: [{ '\ufffdkey': '\ufffd' }] } })
    expect(await fixture.events({ id: String(events[0]?.topic.slice('task:'.length)) })).toEqual(events)
  })

  test('never lets the percent fall within an attempt', async () => {
    const definition = kind(
      async function* () {
        yield stage('a', 50)
        yield advance({ percent: 60 })
        yield stage('b', 0)
        yield advance({ percent: 10 })
        yield advance({ stagePercent: -5 })
        yield advance({ percent: Number.NaN })
        yield stage('a', 0)
        yield advance({ percent: 1_000 })
        yield stage('b', 1)
      },
      { stages: { a: 1, b: 1 } },
    )
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 0 } })
    const events = await runOnce(fixture)
    const percents = events.map((event) => progressOf(event)['percent'] as number)
    expect(percents).toEqual([...percents].sort((a, b) => a - b))
    expect(percents.at(-1)).toBe(100)
  })

  test('commits the application’s rows together with the event of an item', async () => {
    const definition = kind(async function* () {
      yield declareItems([{ key: 'a', label: 'A' }])
      yield item.completed('a', async (client) => {
        await client.query(`insert into note values ('a')`)
      })
      yield stage('after')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query('create table note (text text)')
    const task = await fixture.start('K')
    await fixture.event(task, 'TaskItemCompleted')
    // A reader that sees the event sees the row.
    expect((await fixture.database.pool.query('select text from note')).rows).toEqual([{ text: 'a' }])
  })

  test('writes an advance with a commit at once, together with the commit', async () => {
    const definition = kind(async function* () {
      yield advance({ percent: 10 })
      yield advance({
        percent: 20,
        commit: async (client) => {
          await client.query(`insert into note values ('b')`)
        },
      })
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    await fixture.database.pool.query('create table note (text text)')
    const events = await runOnce(fixture)
    expect(progressOf(events.at(-2))).toMatchObject({ percent: 20 })
    expect((await fixture.database.pool.query('select text from note')).rows).toEqual([{ text: 'b' }])
  })

  test('leaves neither row nor event when a commit throws, keeps the text before it, and fails the task at once', async () => {
    const definition = kind(async function* () {
      yield declareItems([{ key: 'a', label: 'A' }])
      yield output('s', 'before')
      yield item.completed('a', async (client) => {
        await client.query(`insert into note values ('a')`)
        throw new Error('on second thought')
      })
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    await fixture.database.pool.query('create table note (text text)')
    const events = await runOnce(fixture)
    expect((await fixture.database.pool.query('select text from note')).rows).toEqual([])
    expect(typesOf(events)).toEqual(['TaskQueued', 'TaskStarted', 'TaskItemsAdded', 'TaskOutput', 'TaskFailed'])
    expect(events.at(-1)?.payload).toMatchObject({ error: { code: 'INTERNAL' }, progress: { completedItems: 0 } })
    const id = String(events[0]?.topic.slice('task:'.length))
    expect(await fixture.items({ id })).toMatchObject([{ key: 'a', status: 'PENDING' }])
  })

  test('reports the completed batch once, after its last item and before the end', async () => {
    const definition = kind(async function* () {
      yield declareItems([
        { key: 'a', label: 'A' },
        { key: 'b', label: 'B' },
      ])
      yield item.completed('a')
      yield item.skipped('b')
      yield item.completed('a')
      yield stage('tidy')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const types = typesOf(await runOnce(fixture))
    expect(types.filter((type) => type === 'TaskBatchCompleted')).toHaveLength(1)
    expect(types.slice(4)).toEqual([
      'TaskItemCompleted',
      'TaskBatchCompleted',
      'TaskItemCompleted',
      'TaskAdvanced',
      'TaskCompleted',
    ])
  })

  test('writes many items as events of bounded size, the last together with the commit, and resets them all in the next attempt', async () => {
    const keys = Array.from({ length: 1_234 }, (_, index) => `item ${index}`)
    const found: (readonly TaskItem[])[] = []
    const definition = createTaskDefinition({
      kind: 'K',
      input: z.object({}),
      backoff: { initialDelayMs: 1 },
      async *run({ items, attempt }) {
        found.push(items)
        yield declareItems(
          [...keys, 'item 7'].map((key) => ({ key, label: `Label of ${key}` })),
          async (client) => {
            await client.query('insert into note select count(*)::text from tidings.task_item')
          },
        )
        if (attempt === 2) return {}
        yield item.completed('item 3')
        yield item.started('item 1000')
        yield item.failed('item 1233', { code: 'X', message: 'X', retryable: false, advice: null })
        throw new RetryableError('BUSY', 'Busy')
      },
    }) as TaskDefinition
    await using fixture = await startTestEngine({ definitions: [definition] })
    await fixture.database.pool.query('create table note (text text)')
    const task = await fixture.start('K')
    const events = await fixture.history(task)
    const added = events.filter(({ type }) => type === 'TaskItemsAdded')
    const itemsOf = ({ payload }: LogEvent) => payload['items'] as readonly TaskItem[]
    // The last one belongs to the commit of the second attempt, which declares known items only.
    expect(added.map((event) => itemsOf(event).length)).toEqual([500, 500, 234, 0])
    expect(added.map((event) => progressOf(event)['totalItems'])).toEqual([500, 1_000, 1_234, 1_234])
    expect(added.flatMap(itemsOf).map(({ key, position }) => [key, position])).toEqual(
      keys.map((key, index) => [key, index]),
    )
    // The items of a commit's own event are written after it.
    expect((await fixture.database.pool.query('select text from note')).rows).toEqual([
      { text: '1000' },
      { text: '1234' },
    ])
    expect(found[1]?.map(({ key }) => key)).toEqual(keys)
    const rows = await fixture.items(task, { first: 2_000 })
    expect(rows.map(({ key }) => key)).toEqual(keys)
    expect(
      rows.filter(({ status, percent, error }) => status !== 'PENDING' || percent !== 0 || error !== null),
    ).toEqual([expect.objectContaining({ key: 'item 3', status: 'COMPLETED' })])
    expect((await fixture.get(task)).progress).toMatchObject({ completedItems: 1, failedItems: 0, totalItems: 1_234 })
  })

  test('fails a task that declares more items than a task may have, and writes none of them', async () => {
    const definition = kind(async function* () {
      yield declareItems([{ key: 'a', label: 'A' }])
      yield declareItems(Array.from({ length: 200_000 }, (_, index) => ({ key: `${index}`, label: '' })))
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await runOnce(fixture)
    expect(typesOf(events)).toEqual(['TaskQueued', 'TaskStarted', 'TaskItemsAdded', 'TaskFailed'])
    expect(events.at(-1)?.payload).toMatchObject({
      error: {
        code: 'TOO_MANY_ITEMS',
        message: 'The task declares 200000 items beside its 1; a task has at most 200000',
        retryable: false,
      },
      progress: { totalItems: 1 },
    })
  })

  test('writes nothing when all items declared again are known', async () => {
    const definition = kind(async function* () {
      yield declareItems([{ key: 'a', label: 'A' }])
      yield declareItems([{ key: 'a', label: 'other' }])
      yield item.completed('a')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const types = typesOf(await runOnce(fixture))
    expect(types.filter((type) => type === 'TaskItemsAdded')).toHaveLength(1)
  })

  test('fails a task that reports on an undeclared item', async () => {
    const definition = kind(async function* () {
      yield item.completed('nobody')
    })
    await using fixture = await startTestEngine({ definitions: [definition] })
    const events = await runOnce(fixture)
    expect(events.at(-1)).toMatchObject({ type: 'TaskFailed', payload: { error: { code: 'INTERNAL' } } })
  })

  test('stays responsive and small through 100,000 advances in a tight loop', async () => {
    const count = 100_000
    let turns = 0
    let grownBytes = 0
    const definition = kind(async function* () {
      let isOver = false
      const turn = (): void => {
        turns += 1
        if (!isOver) setImmediate(turn)
      }
      setImmediate(turn)
      const before = await heapUsed()
      for (let i = 1; i <= count; i++) yield advance({ percent: (i / count) * 100, message: `step ${i}` })
      grownBytes = (await heapUsed()) - before
      isOver = true
    })
    // A short lease would be lost on a busy machine whatever the journal does.
    await using fixture = await startTestEngine({ definitions: [definition], config: { LEASE_MS: 60_000 } })
    const events = await runOnce(fixture)
    expect(typesOf(events).at(-1)).toBe('TaskCompleted')
    expect(events.filter(({ type }) => type === 'TaskStarted')).toHaveLength(1)
    // Other work, such as the heartbeat, had its turns throughout. Merged reports are not retained.
    expect(turns).toBeGreaterThan(20)
    expect(grownBytes).toBeLessThan(10_000_000)
  })

  test('merges streams that alternate character by character into one event per stream', async () => {
    const definition = kind(async function* () {
      for (let i = 0; i < 5_000; i++) {
        yield output('a', 'x')
        yield output('b', 'y')
      }
    })
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    const events = await runOnce(fixture)
    expect(joinStream(events, 'a')).toBe('x'.repeat(5_000))
    expect(joinStream(events, 'b')).toBe('y'.repeat(5_000))
    expect(events.filter(({ type }) => type === 'TaskOutput').length).toBeLessThanOrEqual(4)
  })
})
