import { useEffect, useRef } from 'react'
import { useConnection } from '../react/use-connection.ts'

/** Asks again, once, when the connection comes back after a request has failed. */
export function useWhenBack(hasFailed: boolean, refetch: () => void): void {
  const { status } = useConnection()
  const isUp = status === 'live' || status === 'degraded'
  const wasUp = useRef(isUp)
  useEffect(() => {
    const isBack = isUp && !wasUp.current
    wasUp.current = isUp
    if (isBack && hasFailed) refetch()
  }, [isUp, hasFailed, refetch])
}
