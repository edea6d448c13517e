import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'vitest'
import { z } from 'zod'
import type { Bus } from '../../src/bus/bus.ts'
import { advance } from '../../src/tasks/model/report.ts'
import { createTaskDefinition, type TaskDefinition } from '../../src/tasks/model/task-definition.ts'
import { eventually } from '../log/support.ts'
import { startTestEngine, typesOf } from '../support/engine.ts'

/** What a run of {@link publishThrough} observed. */
export interface Publication {
  readonly published: number
  readonly lost: number
  /** Time from the fault to the last lost message, in milliseconds. */
  readonly lastLossMs: number
  /** Time from the fault until the subscribing bus was trusted again for good, in milliseconds. */
  readonly trustedMs: number
  readonly gaps: number
}

const everyMs = 40
const channels = Array.from({ length: 12 }, (_, index) => `task:${index}`)

/**
 * Publishes numbered messages on many channels while a fault is caused and ended, and expects that every
 * lost message was followed by a report of a gap, and that all channels arrive at the end.
 *
 * @param cause - causes the fault, and resolves when it has ended
 */
export async function publishThrough(options: {
  readonly publisher: Bus
  readonly subscriber: Bus
  readonly cause: () => Promise<void>
}): Promise<Publication> {
  const { publisher, subscriber, cause } = options
  const gaps: number[] = []
  const received = new Set<number>()
  const published: { readonly number: number; readonly at: number }[] = []
  const isConnected = (): void => expect([publisher.isConnected(), subscriber.isConnected()]).toEqual([true, true])
  await eventually(isConnected)
  subscriber.onGap(() => gaps.push(performance.now()))
  const subscriptions = channels.map((channel) =>
    subscriber.subscribe(channel, (message) => received.add((message as { readonly number: number }).number)),
  )
  await Promise.all(subscriptions.map(({ ready }) => ready))

  let isOver = false
  let distrustedAt = performance.now()
  const publish = async (): Promise<void> => {
    while (!isOver) {
      for (const channel of channels) {
        const number = published.length
        published.push({ number, at: performance.now() })
        publisher.publish(channel, { number })
      }
      if (!subscriber.isConnected()) distrustedAt = performance.now()
      await pause(everyMs)
    }
  }
  const publishing = publish()
  await pause(500)
  const startedAt = performance.now()
  distrustedAt = startedAt
  await cause()
  // Servers learn of a new primary one after the other.
  await pause(3_000)
  // Everything arrives again: a message of each channel that was published after the fault.
  await eventually(isConnected)
  await eventually(() => {
    const recent = published.slice(-5 * channels.length, -4 * channels.length)
    expect(recent.every(({ number }) => received.has(number))).toBe(true)
  })
  isOver = true
  await publishing
  // A message that is still lost after this time does not arrive any more.
  await pause(2_000)
  const lost = published.filter(({ number, at }) => at >= startedAt - everyMs && !received.has(number))
  const withoutGap = lost.filter(({ at }) => !gaps.some((gapAt) => gapAt >= at))
  expect(withoutGap).toEqual([])
  const last = channels.map((_, index) => published.at(-1 - index)?.number ?? -1)
  expect(last.filter((number) => !received.has(number))).toEqual([])
  for (const subscription of subscriptions) void subscription.close()
  return {
    published: published.length,
    lost: lost.length,
    lastLossMs: Math.round(Math.max(0, ...lost.map(({ at }) => at - startedAt))),
    trustedMs: Math.round(distrustedAt - startedAt),
    gaps: gaps.length,
  }
}

/** Prints what a run observed. */
export function report(fault: string, { published, lost, lastLossMs, trustedMs, gaps }: Publication): void {
  console.info(
    `${fault}: ${lost} of ${published} messages lost, the last one ${lastLossMs} ms after the fault; trusted again after ${trustedMs} ms; ${gaps} gaps reported`,
  )
}

const work = createTaskDefinition({
  kind: 'WORK',
  input: z.object({}),
  concurrency: 4,
  async *run({ signal }) {
    yield advance({ percent: 50 })
    await pause(20, undefined, { signal })
    return {}
  },
}) as TaskDefinition

/**
 * Starts tasks on a server while a fault is caused, with queues and bus in Redis and a worker of its own, and expects
 * that each is executed once.
 *
 * @returns the longest time from the start of a task to its end, in milliseconds
 */
export async function workThrough(redisUrl: string, cause: () => Promise<void>): Promise<number> {
  const config = {
    QUEUE_BACKEND: 'redis',
    SWEEP_MS: 500,
    MAX_RUNNING_PER_USER: 0,
    MAX_STARTS_PER_MINUTE: 10_000,
  } as const
  await using server = await startTestEngine({ definitions: [work], redisUrl, config: { ...config, ROLE: 'server' } })
  await using worker = await startTestEngine({ definitions: [work], redisUrl, config, on: server.test })
  await eventually(() => expect(server.engine.bus.isConnected()).toBe(true))
  let isOver = false
  let longestMs = 0
  const tasks: Promise<void>[] = []
  const follow = async (): Promise<void> => {
    const startedAt = performance.now()
    const events = await server.history(await server.start('WORK'))
    longestMs = Math.max(longestMs, performance.now() - startedAt)
    const types = typesOf(events).filter((type) => type !== 'TaskAdvanced')
    expect(types).toEqual(['TaskQueued', 'TaskStarted', 'TaskCompleted'])
  }
  const start = async (): Promise<void> => {
    while (!isOver) {
      tasks.push(follow())
      await pause(50)
    }
  }
  const starting = start()
  await pause(1_000)
  await cause()
  await pause(3_000)
  isOver = true
  await starting
  await Promise.all(tasks)
  expect(worker.engine.worker).not.toBeNull()
  return Math.round(longestMs)
}
