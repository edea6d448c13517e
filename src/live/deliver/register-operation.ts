import type { ExecutionResult } from 'graphql'
import type { SinkOperation } from './sink.ts'

/**
 * Registers a subscription that does not follow a topic on the sink of its socket, as the others
 * are. graphql-ws loses track of a subscription when its client reuses the id before the
 * subscription has started: it would continue under the id of the other one, even after the socket
 * has closed.
 *
 * The results are masked; a failure is refined by the sink. Once the subscription has ended, or was
 * asked to end, a pending `next()` is never settled: graphql-ws would take that for the end of the
 * operation that has the same id by then, and complete it.
 */
export function registerOperation(
  source: AsyncIterable<ExecutionResult>,
  sinkOperation: SinkOperation,
  mask: (result: ExecutionResult) => ExecutionResult,
): AsyncGenerator<ExecutionResult, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const done: IteratorReturnResult<undefined> = { done: true, value: undefined }
  const never = new Promise<never>(() => undefined)
  let isOver = false
  const end = (): void => {
    isOver = true
    sinkOperation.sink.closed(servedOperation)
  }
  const leave = async (): Promise<void> => {
    if (isOver) return
    end()
    await iterator.return?.()
  }
  const servedOperation = { ...sinkOperation, leave: () => void leave().catch(() => undefined) }
  const registration: AsyncGenerator<ExecutionResult, void, undefined> = {
    async next() {
      if (isOver) return never
      try {
        const step = await iterator.next()
        if (isOver) return never
        if (step.done !== true) return { done: false, value: mask(step.value) }
        end()
        return done
      } catch (error) {
        if (isOver) return never
        end()
        const refinedError = sinkOperation.sink.refine(error)
        if (refinedError === null) return done
        throw refinedError
      }
    },
    async return() {
      await leave()
      later?.leave()
      return done
    },
    async throw(error: unknown) {
      await leave()
      throw error
    },
    [Symbol.asyncIterator]: () => registration,
    [Symbol.asyncDispose]: leave,
  }
  const later = sinkOperation.sink.opened(servedOperation)
  if (later !== undefined) servedOperation.leave()
  return registration
}
