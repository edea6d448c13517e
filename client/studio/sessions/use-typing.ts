import { useCallback, useEffect, useRef } from 'react'
import { SetTypingDocument } from '../../gql/graphql.ts'
import type { OutboxContext } from '../../index.ts'
import { useTidings } from '../../react/index.ts'

/** The interval between signals, well below the expiry of one. */
const againMs = 3_000
/**
 * A typing signal is worthless later: it never waits for the connection, nor for the messages
 * before it.
 */
const now: OutboxContext = { outbox: false }

/**
 * Signals to the other participants that this user is typing, as rarely as possible, and not at all
 * without a connection.
 */
export function useTyping(sessionId: string): { readonly typed: () => void; readonly stopped: () => void } {
  const { urql, connection } = useTidings()
  const saidAt = useRef(Number.NEGATIVE_INFINITY)
  const say = useCallback(
    (isTyping: boolean) => {
      const { status } = connection.getSnapshot()
      if (status !== 'live' && status !== 'degraded') return
      // The result does not matter: the signal is repeated or expires.
      urql.mutation(SetTypingDocument, { sessionId, isTyping }, now).toPromise().catch(console.warn)
    },
    [urql, connection, sessionId],
  )
  const typed = useCallback(() => {
    if (performance.now() - saidAt.current < againMs) return
    saidAt.current = performance.now()
    say(true)
  }, [say])
  const stopped = useCallback(() => {
    if (saidAt.current === Number.NEGATIVE_INFINITY) return
    saidAt.current = Number.NEGATIVE_INFINITY
    say(false)
  }, [say])
  useEffect(() => stopped, [stopped])
  return { typed, stopped }
}
