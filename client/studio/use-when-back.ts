import { useEffect, useRef, useSyncExternalStore } from 'react'
import { useTidings } from '../react/index.ts'

/**
 * Fetches again, once, when the connection is back: for data without events, such as a list. A
 * device may have slept for a night, and its old data must not be taken for the current state.
 * Waiting mutations are sent first: a response fetched in parallel might contain the state before
 * them, and arrive last.
 */
export function useWhenBack(refetch: () => void): void {
  const { connection, outbox } = useTidings()
  // Selected fields instead of whole states, which change with every sign of life: the page must
  // not render for that.
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
