import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { cursorOfSource } from './deliver/frames.ts'
import { setCursor } from './deliver/stream-sink.ts'

/**
 * Executes a subscription for a single viewer, like graphql's `subscribe`; results carry the cursor
 * of their event.
 */
export async function subscribeAlone(args: ExecutionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const source = await createSourceEventStream(args)
  if (!(Symbol.asyncIterator in source)) return source
  const iterator = source[Symbol.asyncIterator]()
  const results: AsyncIterableIterator<ExecutionResult, undefined> = {
    async next() {
      const step = await iterator.next()
      if (step.done === true) return { done: true, value: undefined }
      const result = await execute({ ...args, rootValue: step.value })
      setCursor(result, cursorOfSource(step.value))
      return { done: false, value: result }
    },
    async return() {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]: () => results,
  }
  return results
}
