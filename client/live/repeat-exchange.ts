import type { Exchange, Operation, OperationResult } from '@urql/core'
import { filter, makeSubject, merge, pipe, tap } from 'wonka'
import { backoff } from './backoff.ts'
import { after, hasNetwork } from './environment.ts'
import { isLost } from './http.ts'
import type { Timing } from './timing.ts'

/** How often a query is sent again: enough for a server that has just gone, and for the next one to take over. */
const maxRepeats = 2

interface Asked {
  readonly atMs: number
  repeats: number
  stop: () => void
}

/**
 * Sends a query again whose answer was lost, after a short pause and before anybody is told: it was on its way when a server went, and
 * asking changes nothing. What is lost for longer is told, and then the business of `askAgainExchange`; so is what the server itself
 * says that it cannot answer now. Mutations have a way of their own, which is the outbox.
 *
 * Stands right before whatever sends.
 */
export function repeatExchange({ timing }: { readonly timing: Timing }): Exchange {
  return ({ forward }) => {
    const again = makeSubject<Operation>()
    /** By the key of the operation. */
    const asked = new Map<number, Asked>()
    const take = ({ kind, key }: Operation): void => {
      if (kind !== 'query' && kind !== 'teardown') return
      // Left, or asked anew, which begins again.
      asked.get(key)?.stop()
      if (kind === 'query') asked.set(key, { atMs: Date.now(), repeats: 0, stop: () => undefined })
      else asked.delete(key)
    }
    /** @returns whether a result is to be handed on */
    const judge = (result: OperationResult): boolean => {
      const { operation } = result
      const one = asked.get(operation.key)
      if (operation.kind !== 'query' || one === undefined) return true
      // Whoever has waited for long is told; what the connection is up to, it says itself.
      const isLate = Date.now() - one.atMs > timing.steadyMs
      const isLostNow = result.error !== undefined && isLost(result.error)
      if (!isLostNow || one.repeats >= maxRepeats || isLate || !hasNetwork()) {
        asked.delete(operation.key)
        return true
      }
      one.repeats += 1
      const pauseMs = backoff(one.repeats, timing.backoffMs, timing.maxBackoffMs, Math.random())
      one.stop = after(pauseMs, () => again.next(operation))
      return false
    }
    return (operations$) => {
      const taken$ = pipe(operations$, tap(take))
      return pipe(forward(merge([taken$, again.source])), filter(judge))
    }
  }
}
