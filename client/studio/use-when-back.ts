import { useEffect, useRef } from 'react'
import { useConnection } from '../react/use-connection.ts'

/**
 * Asks again, once, when the connection is back after it was lost: for what is fetched and does not tell its own changes, such as a
 * list. A device may have slept for a night, and what was shown then must not pass for what is.
 */
export function useWhenBack(refetch: () => void): void {
  const { status } = useConnection()
  const wasLost = useRef(false)
  useEffect(() => {
    if (status === 'reconnecting' || status === 'offline') wasLost.current = true
    else if (wasLost.current && (status === 'live' || status === 'degraded')) {
      wasLost.current = false
      refetch()
    }
  }, [status, refetch])
}
