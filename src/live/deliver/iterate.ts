import type { ExecutionResult } from 'graphql'
import type { Sink } from './sink.ts'
import type { Ending, Subscriber } from './subscriber.ts'

/**
 * The results of a subscription, in the form that graphql-ws and Yoga accept. Its `return()` takes
 * effect at once.
 */
type Results = AsyncGenerator<ExecutionResult, undefined, undefined>
const done: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Runs a subscriber that writes its payloads to a sink; the iterable itself yields nothing. After
 * `return()`, a pending `next()` never settles: graphql-ws would take that for the end of the
 * operation that has the same id by then, and complete it.
 */
export function iterateNothing(sink: Sink, attach: (ending: Ending) => Subscriber): AsyncIterable<ExecutionResult> {
  return new Nothing(sink, attach)
}

/** A class rather than a closure, as for subscribers: there is one instance per subscriber. */
class Nothing implements Results, Ending {
  readonly #sink: Sink
  readonly #subscriber: Subscriber
  #settle: ((result: IteratorReturnResult<undefined> | Promise<never>) => void) | undefined
  #isOver = false

  constructor(sink: Sink, attach: (ending: Ending) => Subscriber) {
    this.#sink = sink
    this.#subscriber = attach(this)
  }

  end(failure?: { readonly error: unknown }): void {
    if (this.#settle === undefined) return
    this.#isOver = true
    const error = failure && this.#sink.refine(failure.error)
    this.#settle(error === undefined || error === null ? done : Promise.reject(toError(error)))
  }

  #leave(): void {
    this.#isOver = true
    this.#subscriber.leave()
  }

  next(): Promise<IteratorReturnResult<undefined>> {
    if (this.#isOver) return Promise.resolve(done)
    const isFirst = this.#settle === undefined
    const end = new Promise<IteratorReturnResult<undefined>>((resolve) => {
      this.#settle = resolve
    })
    if (isFirst) this.#subscriber.start()
    return end
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
