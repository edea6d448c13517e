import type { ExecutionResult } from 'graphql'
import type { Outlet } from './outlet.ts'
import type { Subscriber } from './subscriber.ts'

/** What graphql-ws and yoga take for the results of a subscription. Its `return()` takes effect at once. */
export type Results = AsyncGenerator<ExecutionResult, undefined, undefined>
const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Runs a subscriber whose payloads go elsewhere, and yields nothing. Left by `return()`, a pending `next()` is never settled: graphql-ws would
 * take that for the end of whatever operation then has the same id, and complete it.
 */
export function iterateNothing(
  refine: Outlet['refine'],
  attach: (onEnd: (failure?: { readonly error: unknown }) => void) => Subscriber,
): AsyncIterable<ExecutionResult> {
  let settle: ((failure?: { readonly error: unknown }) => void) | undefined
  const subscriber = attach((failure) => settle?.(failure))
  let isStarted = false
  let isOver = false
  return toGenerator(
    () => {
      if (isOver) return Promise.resolve(done)
      return new Promise((resolve, reject) => {
        settle = (failure) => {
          isOver = true
          const error = failure && refine(failure.error)
          if (error === undefined || error === null) resolve(done)
          else reject(toError(error))
        }
        if (isStarted) return
        isStarted = true
        subscriber.start()
      })
    },
    () => {
      isOver = true
      subscriber.leave()
    },
  )
}

/** Runs a subscriber whose payloads are pulled. */
export function iterateStream(
  next: () => Promise<IteratorResult<ExecutionResult, undefined>>,
  subscriber: Subscriber,
): Results {
  let isStarted = false
  let leave: ((result: IteratorReturnResult<undefined>) => void) | undefined
  let isOver = false
  return toGenerator(
    () => {
      if (isOver) return Promise.resolve(done)
      if (!isStarted) {
        isStarted = true
        subscriber.start()
      }
      return new Promise((resolve, reject) => {
        leave = resolve
        next().then(resolve, reject)
      })
    },
    () => {
      isOver = true
      subscriber.leave()
      leave?.(done)
    },
  )
}

function toGenerator(next: () => Promise<IteratorResult<ExecutionResult, undefined>>, leave: () => void): Results {
  const generator: Results = {
    next,
    return: () => {
      leave()
      return Promise.resolve(done)
    },
    throw: (error: unknown) => {
      leave()
      return Promise.reject(toError(error))
    },
    [Symbol.asyncIterator]: () => generator,
    [Symbol.asyncDispose]: () => {
      leave()
      return Promise.resolve()
    },
  }
  return generator
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
