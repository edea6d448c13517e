import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask, type FailureOptions } from '../../src/library/define-task.ts'
import { toEngineDefinition } from '../../src/library/engine-definition.ts'
import { silentLogger } from '../../src/logger.ts'
import { FinalError, RetryableError } from '../../src/tasks/model/failure.ts'
import { stage } from '../../src/tasks/model/report.ts'

const errors = { BUSY: z.object({}), QUOTA: z.object({}) }

/** Returns the failure of an attempt that ends with an error. */
async function fail(code: keyof typeof errors, options?: FailureOptions): Promise<unknown> {
  const kind = defineTask({
    kind: 'CONVERT',
    input: z.object({}),
    errors,
    retry: { BUSY: { afterMs: 30_000 } },
    async *run(handling) {
      yield stage('converting')
      handling.errors[code]({}, options)
      await Promise.resolve()
    },
  })
  const { signal } = new AbortController()
  const attempt = toEngineDefinition(kind, {}).run({
    taskId: 'task_1',
    owner: 'u_1',
    input: {},
    attempt: 1,
    items: [],
    signal,
    logger: silentLogger,
  } as never)
  await attempt.next()
  return await attempt.next().catch((error: unknown) => error)
}

test.each([
  ['BUSY', undefined, 30_000],
  ['BUSY', { retryAfterMs: 5 }, 5],
  ['BUSY', { retry: false }, null],
  ['QUOTA', undefined, null],
  ['QUOTA', { retry: true }, 0],
  ['QUOTA', { retryAfterMs: 7 }, 7],
] as const)(
  'after %s with %j the next attempt follows after %s ms at least, or none',
  async (code, options, afterMs) => {
    const failure = await fail(code, options)
    expect(failure).toBeInstanceOf(afterMs === null ? FinalError : RetryableError)
    if (failure instanceof RetryableError) expect(failure.retryAfterMs).toBe(afterMs)
  },
)

test('a policy for an error that is not declared is refused', () => {
  const define = () =>
    defineTask({
      kind: 'CONVERT',
      input: z.object({}),
      errors,
      // @ts-expect-error: not among the errors
      retry: { LATE: {} },
      async *run() {
        yield stage('converting')
        await Promise.resolve()
      },
    })
  expect(define).toThrow('The kind CONVERT retries the error LATE, which is not among its errors: declare it')
})
