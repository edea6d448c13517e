import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { createTaskDefinition, declareItems, FinalError, item, output, RetryableError, stage } from '../../engine.ts'
import type { StudioTask } from '../task-results.ts'

/** The kind of {@link defineSelfTest}. */
export const selfTestKind = 'SELF_TEST'

/** The input of a task of this kind. */
const selfTestInput = z.object({
  /** Number of items, each started and completed. */
  items: z.int().min(0).max(500),
  /** Delay before each item. */
  everyMs: z.int().min(0).max(5_000),
  /** Number of characters streamed with each item: they end with the time, in nanoseconds, and its number. */
  textLength: z.int().min(0).max(10_000),
  /** Fails after this many items, in the first attempt; null for never. */
  failAfter: z.int().min(0).max(500).nullable(),
  /** Whether that failure is transient, so that a second attempt follows. */
  retryable: z.boolean(),
})

/** A synthetic task that follows its input: it counts, waits, streams, fails and retries. */
export function defineSelfTest(): StudioTask<z.infer<typeof selfTestInput>> {
  return createTaskDefinition({
    kind: selfTestKind,
    announce: () => Promise.resolve(null),
    input: selfTestInput,
    attempts: 3,
    // Several clients may run a self-test at the same time; a task waiting for a timer costs
    // nothing.
    concurrency: 20,
    // All clients of a self-test are one user.
    perUser: null,
    backoff: { initialDelayMs: 200, maxDelayMs: 200 },
    async *run({ input, attempt, items, signal }) {
      const { everyMs, textLength, failAfter, retryable } = input
      const keys = Array.from({ length: input.items }, (_, index) => String(index + 1))
      yield stage('counting')
      yield declareItems(keys.map((key) => ({ key, label: `Number ${key}` })))
      const done = new Set(items.filter(({ status }) => status === 'COMPLETED').map(({ key }) => key))
      for (const [index, key] of keys.entries()) {
        if (done.has(key)) continue
        if (attempt === 1 && failAfter === index) fail(retryable)
        if (everyMs > 0) await delay(everyMs, undefined, { signal })
        yield item.started(key)
        if (textLength > 0) yield output('text', textOf(key, textLength))
        yield item.completed(key)
      }
      if (attempt === 1 && failAfter !== null && failAfter >= keys.length) fail(retryable)
      return { type: 'SelfTestResult', count: keys.length }
    },
  })
}

/** Clocks of one machine show the same time, so that a measurement on it need not rely on the milliseconds of events. */
function textOf(key: string, length: number): string {
  return ` ${process.hrtime.bigint()} ${key}`.padStart(length, '.').slice(-length)
}

function fail(isRetryable: boolean): never {
  const options = { advice: 'Nothing to do: it was asked to fail.' }
  if (isRetryable) throw new RetryableError('SELF_TEST_RETRY', 'It was asked to fail and to try again.', options)
  throw new FinalError('SELF_TEST_FAILURE', 'It was asked to fail.', options)
}
