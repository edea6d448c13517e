import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { RetryableError } from '../../../src/tasks/model/failure.ts'
import { advance, declareItems, item, output, type Report, stage } from '../../../src/tasks/model/report.ts'
import type { ItemStatus, TaskStatus } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { progressOf, shareDatabase, startTestEngine } from '../../support/engine.ts'
import { foldEvents, toComparable } from '../../support/fold.ts'

shareDatabase()

const idle = createTaskDefinition({
  kind: 'IDLE',
  input: z.object({ subject: z.string().optional() }),
  // biome-ignore lint/correctness/useYield: it has nothing to tell
  async *run() {
    return {}
  },
  begin: (_client, { subject }) => Promise.resolve(subject === undefined ? {} : { subject }),
}) as TaskDefinition
const serving = { ROLE: 'server' } as const

describe('the store', () => {
  test('lists an owner’s tasks page by page, newest first, each once, also when many have the same timestamp', async () => {
    await using fixture = await startTestEngine({ definitions: [idle], config: serving })
    for (let i = 0; i < 11; i++) await fixture.start('IDLE', { owner: i === 5 ? 'u_2' : 'u_1' })
    await fixture.database.pool.query(`update tidings.task set created_at = date_trunc('minute', created_at)`)
    const { store, tasks } = fixture.engine
    const pages: string[][] = []
    for (let before: { createdAt: Date; id: string } | undefined; ; ) {
      const page = await store.list({ owner: 'u_1', before, limit: 4 })
      if (page.length === 0) break
      pages.push(page.map(({ id }) => id))
      before = page.at(-1)
    }
    expect(pages.map((page) => page.length)).toEqual([4, 4, 2])
    expect(new Set(pages.flat()).size).toBe(10)
    expect(pages.flat()).toEqual([...pages.flat()].sort().reverse())
    const [first = ''] = pages.flat()
    await tasks.cancel(first)
    const list = async (...statuses: TaskStatus[]) =>
      (await store.list({ owner: 'u_1', statuses, limit: 100 })).map(({ id }) => id)
    expect(await list('CANCELED')).toEqual([first])
    expect(await list('CANCELED', 'QUEUED')).toHaveLength(10)
    expect(await list('RUNNING')).toEqual([])
  })

  test('finds the newest task that is still working on a subject', async () => {
    await using fixture = await startTestEngine({ definitions: [idle], config: serving })
    const { store, tasks } = fixture.engine
    const older = await fixture.start('IDLE', { input: { subject: 'r_1' } })
    const newer = await fixture.start('IDLE', { input: { subject: 'r_1' } })
    const other = await fixture.start('IDLE', { input: { subject: 'r_2' } })
    await fixture.database.pool.query(
      `update tidings.task set created_at = created_at - interval '1 minute' where id = $1`,
      [older.id],
    )
    const active = async () => (await store.activeFor(['r_1', 'r_none', 'r_2', 'r_1'])).map((task) => task?.id ?? null)
    expect(await active()).toEqual([newer.id, null, other.id, newer.id])
    await tasks.cancel(newer.id)
    expect(await active()).toEqual([older.id, null, other.id, older.id])
    await tasks.cancel(older.id)
    expect(await active()).toEqual([null, null, other.id, null])
  })

  test('returns many tasks in the order of their ids, with null for unknown ones', async () => {
    await using fixture = await startTestEngine({ definitions: [idle], config: serving })
    const { store } = fixture.engine
    const tasks = [await fixture.start('IDLE'), await fixture.start('IDLE')] as const
    const ids = [tasks[1].id, 'task_none', tasks[0].id, 'task_\u0000']
    expect((await store.getMany(ids)).map((task) => task?.id ?? null)).toEqual([tasks[1].id, null, tasks[0].id, null])
    expect(await store.items(ids.map((taskId) => ({ taskId, first: 9 })))).toEqual([[], [], [], []])
    expect(await store.snapshot('task_none')).toBeNull()
  })

  test('returns items page by page, in their order, each once, also those with a status', async () => {
    const keys = Array.from({ length: 1_201 }, (_, index) => `item ${(index * 7) % 1_201}`)
    const large = createTaskDefinition({
      kind: 'LARGE',
      input: z.object({}),
      begin: () => Promise.resolve({ items: keys.map((key) => ({ key, label: key })) }),
      async *run() {
        yield item.started('item 7')
        yield item.failed('item 14', { code: 'X', message: 'X', retryable: false, advice: null })
        yield item.completed('item 1194')
        throw new RetryableError('BUSY', 'Busy')
      },
      backoff: { initialDelayMs: 1_000_000 },
    }) as TaskDefinition
    await using fixture = await startTestEngine({ definitions: [large] })
    const { store } = fixture.engine
    const task = await fixture.start('LARGE')
    await fixture.event(task, 'TaskRetrying')
    const added = (await fixture.events(task)).filter(({ type }) => type === 'TaskItemsAdded')
    expect(added.map((event) => progressOf(event)['totalItems'])).toEqual([500, 1_000, 1_201])
    const pages: string[][] = []
    for (let afterKey: string | undefined; ; ) {
      const page = await fixture.items(task, { first: 400, afterKey })
      if (page.length === 0) break
      pages.push(page.map(({ key }) => key))
      afterKey = page.at(-1)?.key
    }
    expect(pages.map(({ length }) => length)).toEqual([400, 400, 400, 1])
    expect(pages.flat()).toEqual(keys)
    const list = async (...statuses: ItemStatus[]) =>
      (await fixture.items(task, { statuses, first: 3 })).map(({ key }) => key)
    expect(await list('FAILED', 'COMPLETED')).toEqual(['item 14', 'item 1194'])
    // No item runs in a task that does not.
    expect(await list('RUNNING')).toEqual([])
    expect(await list('PENDING')).toEqual(['item 0', 'item 7', 'item 21'])
    expect(await list()).toEqual([])
    const snapshot = await store.snapshot(task.id)
    expect(snapshot?.state.items.map(({ key }) => key)).toEqual(keys.slice(0, 500))
    expect(snapshot?.state.task.progress).toMatchObject({ totalItems: 1_201, completedItems: 1, failedItems: 1 })

    const pageAfter = (afterKey: string) => ({ taskId: task.id, first: 1, afterKey })
    const [known, unknown, impossible] = await store.items([pageAfter('item 0'), pageAfter('other'), pageAfter('\0')])
    expect(known).toMatchObject([{ key: 'item 7' }])
    expect(unknown).toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('has no item "other"') })
    expect(impossible).toMatchObject({ code: 'BAD_INPUT' })
  })

  test('returns the text of the current attempt as it was at any seq', async () => {
    const definition = createTaskDefinition({
      kind: 'WRITE',
      input: z.object({}),
      async *run() {
        for (let i = 0; i < 5; i++) {
          yield output('a', `a${i}`)
          yield output('b', `b${i}`)
          yield stage(`${i}`)
        }
        return {}
      },
    }) as TaskDefinition
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 5_000_000 } })
    const task = await fixture.start('WRITE')
    const events = await fixture.history(task)
    for (const { seq } of events) {
      const streams = new Map<string, string>()
      for (const { type, payload } of events.slice(0, seq))
        if (type === 'TaskOutput') {
          const name = String(payload['stream'])
          streams.set(name, (streams.get(name) ?? '') + String(payload['text']))
        }
      expect(await fixture.engine.store.outputs(task.id, seq)).toEqual(
        [...streams].map(([stream, text]) => ({ stream, text })),
      )
    }
  })
})

describe('a snapshot', () => {
  test('equals the fold of the events up to its seq, at any moment', async () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const definition = createTaskDefinition({
      kind: 'BUSY',
      input: z.object({ seed: z.number() }),
      concurrency: 4,
      async *run({ input }) {
        yield declareItems(keys.map((key) => ({ key, label: key })))
        for (const report of fc.sample(anyReport, { seed: input.seed, numRuns: 80 })) yield report
        return { seed: input.seed }
      },
    }) as TaskDefinition
    const anyKey = fc.constantFrom(...keys)
    const anyReport: fc.Arbitrary<Report> = fc.oneof(
      fc.constantFrom('one', 'two').map((name) => stage(name)),
      fc.integer({ min: 0, max: 99 }).map((percent) => advance({ percent, message: `at ${percent}` })),
      anyKey.map((key) => item.started(key)),
      anyKey.map((key) => item.completed(key)),
      anyKey.map((key) => item.failed(key, { code: 'X', message: 'X', retryable: false, advice: null })),
      fc.constant(output('s', 'text ')),
    )
    await using fixture = await startTestEngine({ definitions: [definition], config: { COALESCE_MS: 2 } })
    const tasks = await Promise.all([1, 2, 3, 4].map((seed) => fixture.start('BUSY', { input: { seed } })))
    const taken: {
      readonly id: string
      readonly snapshot: Awaited<ReturnType<typeof fixture.engine.store.snapshot>>
    }[] = []
    let isOver = false
    const looking = (async () => {
      while (!isOver) for (const { id } of tasks) taken.push({ id, snapshot: await fixture.engine.store.snapshot(id) })
    })()
    const histories = new Map<string, Awaited<ReturnType<typeof fixture.history>>>()
    for (const task of tasks) histories.set(task.id, await fixture.history(task))
    isOver = true
    await looking
    for (const { id, snapshot } of taken) {
      const events = histories.get(id) ?? []
      expect(snapshot).not.toBeNull()
      if (snapshot === null) continue
      expect(toComparable(snapshot.state)).toEqual(foldEvents(events.slice(0, snapshot.seq)))
    }
    expect(new Set(taken.map(({ snapshot }) => snapshot?.seq)).size).toBeGreaterThan(5)
  })
})
