import { type CombinedError, type Exchange, makeOperation, type Operation, type OperationResult } from '@urql/core'
import { pipe, tap } from 'wonka'
import { backoff, readRetryAfter } from '../base/backoff.ts'
import { after, hasNetwork } from '../base/environment.ts'
import type { Store } from '../base/store.ts'
import type { Timing } from '../base/timing.ts'
import type { ConnectionState } from '../connection/connection-state.ts'
import { isUnanswered } from '../transport/http.ts'

/**
 * Repeats queries that the server could not answer. A query that failed because the server or its
 * database was unavailable, or because the caller has to wait (`RATE_LIMITED`), is sent again when the
 * connection is back, and at growing intervals while the connection reports no change, for as long as
 * the query is active, and never before the time that the server asks to wait. Its failure is passed
 * on at once; the result follows. Failures that `repeatExchange` repairs before they are reported
 * do not reach this exchange.
 *
 * Must come before all other exchanges, so that both the request and its result pass through the
 * cache.
 *
 * @param options.signal - stops all repeats when it aborts
 */
export function refetchExchange(options: {
  readonly connection: Store<ConnectionState>
  readonly timing: Timing
  readonly signal: AbortSignal
}): Exchange {
  const { connection, timing, signal } = options
  return ({ forward, client }) => {
    /** By operation key. */
    const failedOperations = new Map<number, Operation>()
    let rounds = 0
    /** The server asked to wait until then. */
    let waitUntilMs = 0
    let wasUp = false
    let stopTimer: () => void = () => undefined
    let stopListening: (() => void) | undefined

    const askAll = (): void => {
      if (Date.now() < waitUntilMs) {
        setTimer()
        return
      }
      stopTimer()
      for (const operation of failedOperations.values())
        client.reexecuteOperation(
          makeOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }),
        )
    }
    const setTimer = (): void => {
      stopTimer()
      if (failedOperations.size === 0) return
      const pauseMs = backoff(rounds + 1, timing.backoffMs, timing.maxBackoffMs, 0.5 + Math.random() / 2)
      stopTimer = after(
        Math.max(pauseMs, waitUntilMs - Date.now()),
        () => {
          rounds += 1
          // Requests may get through while the connection does not.
          if (hasNetwork()) askAll()
          else setTimer()
        },
        { isIdle: true },
      )
    }
    const onConnection = (): void => {
      const isUp = works(connection.getSnapshot())
      const isBack = isUp && !wasUp
      wasUp = isUp
      if (isBack) askAll()
    }
    /** Listening keeps the connection open, so listen only while there are queries to repeat. */
    const settle = (): void => {
      if (failedOperations.size > 0 && stopListening === undefined) {
        wasUp = works(connection.getSnapshot())
        stopListening = connection.subscribe(onConnection)
      } else if (failedOperations.size === 0) {
        stopListening?.()
        stopListening = undefined
        stopTimer()
      }
    }
    const forget = (key: number): void => {
      if (!failedOperations.delete(key)) return
      if (failedOperations.size === 0) rounds = 0
      settle()
    }
    signal.addEventListener('abort', () => {
      failedOperations.clear()
      settle()
    })
    const take = ({ kind, key }: Operation): void => {
      if (kind === 'teardown') forget(key)
    }
    const judge = ({ operation, data, error, stale }: OperationResult): void => {
      if (operation.kind !== 'query') return
      if (error === undefined) {
        // A stale result comes from the cache and may be empty; it does not answer the query.
        if (!stale && data !== undefined && data !== null) forget(operation.key)
      } else if ((isUnanswered(error) || limitOf(error) !== undefined) && !signal.aborted) {
        const waitMs = readRetryAfter(limitOf(error)?.['retryAfterMs'], timing.maxBackoffMs)
        waitUntilMs = Math.max(waitUntilMs, Date.now() + waitMs)
        failedOperations.set(operation.key, operation)
        settle()
        setTimer()
      } else forget(operation.key)
    }
    return (operations$) => pipe(forward(pipe(operations$, tap(take))), tap(judge))
  }
}

function works({ status }: ConnectionState): boolean {
  return status === 'live' || status === 'degraded'
}

/** Returns the details of a refusal because the caller has to wait. */
function limitOf({ graphQLErrors }: CombinedError): Readonly<Record<string, unknown>> | undefined {
  return graphQLErrors.find(({ extensions }) => extensions['code'] === 'RATE_LIMITED')?.extensions
}
