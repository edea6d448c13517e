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
  return new Nothing(refine, attach)
}

/** A class, as a subscriber is: there is one beside each. */
class Nothing implements Results {
  readonly #refine: Outlet['refine']
  readonly #subscriber: Subscriber
  #pending: PromiseWithResolvers<IteratorReturnResult<undefined>> | undefined
  #isOver = false

  constructor(
    refine: Outlet['refine'],
    attach: (onEnd: (failure?: { readonly error: unknown }) => void) => Subscriber,
  ) {
    this.#refine = refine
    this.#subscriber = attach((failure) => this.#end(failure))
  }

  #end(failure?: { readonly error: unknown }): void {
    if (this.#pending === undefined) return
    this.#isOver = true
    const error = failure && this.#refine(failure.error)
    if (error === undefined || error === null) this.#pending.resolve(done)
    else this.#pending.reject(toError(error))
  }

  #leave(): void {
    this.#isOver = true
    this.#subscriber.leave()
  }

  next(): Promise<IteratorReturnResult<undefined>> {
    if (this.#isOver) return Promise.resolve(done)
    const isFirst = this.#pending === undefined
    this.#pending = Promise.withResolvers()
    const { promise } = this.#pending
    if (isFirst) this.#subscriber.start()
    return promise
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave()
    return Promise.resolve(done)
  }

  throw(error: unknown): Promise<IteratorReturnResult<undefined>> {
    this.#leave()
    return Promise.reject(toError(error))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#leave()
    return Promise.resolve()
  }
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
