import { CombinedError, type Exchange, type Operation, type OperationResult } from '@urql/core'
import { filter, makeSubject, map, merge, pipe, tap } from 'wonka'
import { backoff } from '../base/backoff.ts'
import { after, hasNetwork } from '../base/environment.ts'
import type { Timing } from '../base/timing.ts'
import { isGenerated, isUnknownToServer, newerThanServer } from '../transport/generated.ts'
import { isLost } from '../transport/http.ts'

/**
 * How many times a query is sent again: enough for a server that has just stopped, and for the next
 * one to take over.
 */
const maxRepeats = 2

interface RepeatedOperation {
  readonly atMs: number
  repeats: number
  stop: () => void
}

/**
 * Sends a query again when its response was lost, after a short pause and without reporting the
 * failure: a server may have stopped while the query was pending, and a query changes nothing. A
 * longer outage is reported, and is then handled by `refetchExchange`; so is a server's own report
 * that it cannot answer now. Mutations are not repeated here; the outbox handles them.
 *
 * A query or mutation of a generated document that an older server finds invalid is sent again for
 * up to `upgradeMs`: nothing was executed.
 *
 * Must come directly before the exchanges that send requests.
 */
export function repeatExchange({ timing }: { readonly timing: Timing }): Exchange {
  return ({ forward }) => {
    const again = makeSubject<Operation>()
    const requests = new Map<unknown, RepeatedOperation>()
    const take = (operation: Operation): void => {
      const { kind } = operation
      const key = identify(operation)
      if (kind === 'subscription') return
      // Torn down, or sent anew, which starts over.
      requests.get(key)?.stop()
      if (kind === 'teardown') requests.delete(key)
      else requests.set(key, { atMs: Date.now(), repeats: 0, stop: () => undefined })
    }
    const repeat = (operation: Operation, request: RepeatedOperation): void => {
      request.repeats += 1
      const pauseMs = backoff(request.repeats, timing.backoffMs, timing.maxBackoffMs, Math.random())
      request.stop = after(pauseMs, () => again.next(operation))
    }
    /** @returns whether to pass the result on */
    const judge = (result: OperationResult): boolean => {
      const { operation } = result
      const request = requests.get(identify(operation))
      if (request === undefined) return true
      if (isNewerThanServer(result) && Date.now() - request.atMs < timing.upgradeMs) {
        repeat(operation, request)
        return false
      }
      // A query that has waited long is reported as failed; the connection reports its own state.
      const isLate = Date.now() - request.atMs > timing.steadyMs
      const isLostNow = result.error !== undefined && isLost(result.error)
      if (operation.kind !== 'query' || !isLostNow || request.repeats >= maxRepeats || isLate || !hasNetwork()) {
        requests.delete(identify(operation))
        return true
      }
      repeat(operation, request)
      return false
    }
    return (operations$) => {
      const forwardedOps$ = pipe(operations$, tap(take))
      return pipe(forward(merge([forwardedOps$, again.source])), filter(judge), map(explain))
    }
  }
}

/** Equal mutations share a key; urql distinguishes them by an object in their contexts. */
function identify({ key, context }: Operation): unknown {
  return context._instance ?? key
}

function isNewerThanServer({ operation, error }: OperationResult): boolean {
  return isGenerated(operation.query) && isUnknownToServer(error?.graphQLErrors)
}

function explain(result: OperationResult): OperationResult {
  if (!isNewerThanServer(result)) return result
  const [first] = result.error?.graphQLErrors ?? []
  const error = new CombinedError({
    graphQLErrors: [{ ...first, message: newerThanServer }],
    response: result.error?.response,
  })
  return { ...result, error }
}
