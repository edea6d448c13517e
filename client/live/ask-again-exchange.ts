import { type Exchange, makeOperation, type Operation, type OperationResult } from '@urql/core'
import { pipe, tap } from 'wonka'
import { backoff } from './backoff.ts'
import type { ConnectionState } from './connection.ts'
import { after, hasNetwork } from './environment.ts'
import { isUnanswered } from './http.ts'
import type { Store } from './store.ts'
import type { Timing } from './timing.ts'

/**
 * Asks again what could not be answered: a query that failed because the server or its record was away is asked again when the
 * connection is back, and now and then where the connection tells nothing, for as long as somebody shows it. Its failure is handed on
 * at once; the answer follows. What `repeatExchange` can mend before anybody is told does not come here.
 *
 * Stands before everything else, so that the cache has a part in both.
 *
 * @param options.signal - when it aborts nothing is asked again any more
 */
export function askAgainExchange(options: {
  readonly connection: Store<ConnectionState>
  readonly timing: Timing
  readonly signal: AbortSignal
}): Exchange {
  const { connection, timing, signal } = options
  return ({ forward, client }) => {
    /** By the key of the operation. */
    const failed = new Map<number, Operation>()
    let rounds = 0
    let wasUp = false
    let stopTimer: () => void = () => undefined
    let stopListening: (() => void) | undefined

    const askAll = (): void => {
      stopTimer()
      for (const operation of failed.values())
        client.reexecuteOperation(
          makeOperation('query', operation, { ...operation.context, requestPolicy: 'network-only' }),
        )
    }
    const setTimer = (): void => {
      stopTimer()
      if (failed.size === 0) return
      const pauseMs = backoff(rounds + 1, timing.backoffMs, timing.maxBackoffMs, 0.5 + Math.random() / 2)
      stopTimer = after(
        pauseMs,
        () => {
          rounds += 1
          // Requests may get through where the connection does not.
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
    /** Listening keeps the connection open, so only as long as there is something to ask. */
    const settle = (): void => {
      if (failed.size > 0 && stopListening === undefined) {
        wasUp = works(connection.getSnapshot())
        stopListening = connection.subscribe(onConnection)
      } else if (failed.size === 0) {
        stopListening?.()
        stopListening = undefined
        stopTimer()
      }
    }
    const forget = (key: number): void => {
      if (!failed.delete(key)) return
      if (failed.size === 0) rounds = 0
      settle()
    }
    signal.addEventListener('abort', () => {
      failed.clear()
      settle()
    })
    const take = ({ kind, key }: Operation): void => {
      if (kind === 'teardown') forget(key)
    }
    const judge = ({ operation, data, error, stale }: OperationResult): void => {
      if (operation.kind !== 'query') return
      if (error === undefined) {
        // Not what the cache has to say meanwhile, which may be nothing at all.
        if (!stale && data !== undefined && data !== null) forget(operation.key)
      } else if (isUnanswered(error) && !signal.aborted) {
        failed.set(operation.key, operation)
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
