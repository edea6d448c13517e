import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Position } from '../../src/log/cursor.ts'
import { advance, declareItems, item, output, stage } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import {
  type EngineFixture,
  onlyEvents,
  shareDatabase,
  startTestEngine,
  typesOf,
  watchInBackground,
} from '../support/engine.ts'
import { startRedis } from '../support/redis.ts'

shareDatabase()

const serving = { ROLE: 'server' } as const

/** Creates a kind `GATED` that stops halfway until it is released. */
function createGated(): { readonly definition: TaskDefinition; release(): void } {
  const gate = Promise.withResolvers<void>()
  return {
    release: gate.resolve,
    definition: createTaskDefinition({
      kind: 'GATED',
      input: z.object({}),
      concurrency: 20,
      async *run() {
        yield stage('before')
        yield declareItems([{ key: 'a', label: 'A' }])
        yield output('s', 'before')
        yield item.started('a')
        await gate.promise
        yield output('s', ' after')
        yield item.completed('a')
        return {}
      },
    }) as TaskDefinition,
  }
}

const positionAt = ({ engine }: EngineFixture, seq: number): Position => ({ epoch: engine.reader.epoch, seq })

describe('watch', () => {
  test('yields a snapshot, then every event after it, and completes after the last', async () => {
    const { definition, release } = createGated()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('GATED')
    await fixture.event(task, 'TaskItemStarted')
    await using watcher = watchInBackground(fixture.engine, { taskId: task.id })
    await expect.poll(() => watcher.seen).toHaveLength(1)
    const [first] = watcher.seen
    expect(first).toMatchObject({
      is: 'snapshot',
      reason: 'SUBSCRIBED',
      state: {
        task: { status: 'RUNNING', seq: first?.is === 'snapshot' ? first.seq : -1 },
        items: [{ key: 'a', status: 'RUNNING' }],
      },
    })
    release()
    await watcher.done
    const all = await fixture.events(task)
    expect(onlyEvents(watcher.seen)).toEqual(all.slice(first?.is === 'snapshot' ? first.seq : 0))
    expect(typesOf(onlyEvents(watcher.seen)).at(-1)).toBe('TaskCompleted')
  })

  test('yields the end in the snapshot, and completes, when the task is finished', async () => {
    const { definition, release } = createGated()
    release()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('GATED')
    await fixture.history(task)
    const updates = await Array.fromAsync(fixture.engine.follow({ taskId: task.id }))
    expect(updates).toMatchObject([{ is: 'snapshot', state: { task: { status: 'COMPLETED' } } }])
  })

  test('resumes after every position with exactly the events that follow, while the task continues', async () => {
    const { definition, release } = createGated()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('GATED')
    const { seq } = await fixture.event(task, 'TaskItemStarted')
    const watchers = Array.from({ length: seq + 1 }, (_, at) =>
      watchInBackground(fixture.engine, { taskId: task.id, after: positionAt(fixture, at) }),
    )
    release()
    const all = await fixture.history(task)
    for (const [at, watcher] of watchers.entries()) {
      await watcher.done
      expect(watcher.seen).toEqual(all.slice(at).map((event) => ({ is: 'event', event })))
    }
  })

  test('replays the whole history on request, and exactly that for a catch-up', async () => {
    const { definition, release } = createGated()
    await using fixture = await startTestEngine({ definitions: [definition] })
    const task = await fixture.start('GATED')
    const { seq } = await fixture.event(task, 'TaskItemStarted')
    const options = { taskId: task.id, fromStart: true, onCaughtUp: () => true }
    const caughtUp = onlyEvents(await Array.fromAsync(fixture.engine.follow(options)))
    expect(caughtUp.map((event) => event.seq)).toEqual(Array.from({ length: seq }, (_, index) => index + 1))
    release()
    await fixture.history(task)
  })

  test('refuses an unknown task', async () => {
    const { definition } = createGated()
    await using fixture = await startTestEngine({ definitions: [definition], config: serving })
    const watching = Array.fromAsync(fixture.engine.follow({ taskId: 'task_none' }))
    await expect(watching).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(fixture.engine.feeds.size).toBe(0)
  })

  test('across two engines on one database yields the same, connected by Redis and without it in the middle', async () => {
    await using redis = await startRedis()
    const { definition, release } = createGated()
    const wire = { redisUrl: redis.url, config: { CHECK_MS: 100 } }
    await using working = await startTestEngine({ definitions: [definition], ...wire })
    await using watching = await startTestEngine({
      definitions: [definition],
      redisUrl: redis.url,
      on: working.test,
      config: { CHECK_MS: 100, ...serving },
    })
    const task = await working.start('GATED')
    await using near = watchInBackground(working.engine, { taskId: task.id, fromStart: true })
    await using far = watchInBackground(watching.engine, { taskId: task.id, fromStart: true })
    await expect.poll(() => typesOf(onlyEvents(far.seen))).toContain('TaskItemStarted')
    await redis.stop()
    release()
    await far.done
    await near.done
    const all = await working.events(task)
    expect(onlyEvents(far.seen)).toEqual(all)
    expect(onlyEvents(near.seen)).toEqual(all)
    await redis.start()
    // Tasks started after Redis is back use it again.
    expect(typesOf(await watching.run('GATED')).at(-1)).toBe('TaskCompleted')
  })

  test('across two engines is notified by the bus, not by comparing with the log', async () => {
    await using redis = await startRedis()
    const definition = createTaskDefinition({
      kind: 'STEPS',
      input: z.object({}),
      async *run() {
        for (let i = 0; i < 50; i++) yield stage(`step ${i}`)
        yield advance({ percent: 99 })
        return {}
      },
    }) as TaskDefinition
    await using working = await startTestEngine({ definitions: [definition], redisUrl: redis.url })
    await using watching = await startTestEngine({
      definitions: [definition],
      redisUrl: redis.url,
      on: working.test,
      config: { CHECK_MS: 60_000, ...serving },
    })
    expect(await watching.run('STEPS')).toHaveLength(53)
    expect(watching.engine.feeds.counters.repaired).toBe(0)
  })
})
