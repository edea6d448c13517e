import { useEffect, useRef, useSyncExternalStore } from 'react'
import { useTidings } from '../react/provider.ts'

/**
 * Asks again, once, when the connection is back after it was lost: for what is fetched and does not tell its own changes, such as a
 * list. A device may have slept for a night, and what was shown then must not pass for what is. What was done meanwhile is sent before: an
 * answer that was given beside it might say how things were, and come last.
 */
export function useWhenBack(refetch: () => void): void {
  const { connection, outbox } = useTidings()
  // Not the whole states, which move with every sign of life: a page is not to be rendered for that.
  const status = useSyncExternalStore(connection.subscribe, () => connection.getSnapshot().status)
  const isSent = useSyncExternalStore(outbox.subscribe, () => outbox.getSnapshot().pending.length === 0)
  const wasLost = useRef(false)
  useEffect(() => {
    if (status === 'reconnecting' || status === 'offline') wasLost.current = true
    else if (wasLost.current && isSent && (status === 'live' || status === 'degraded')) {
      wasLost.current = false
      refetch()
    }
  }, [status, isSent, refetch])
}
