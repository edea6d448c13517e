import { useEffect, useState } from 'react'

/**
 * Returns the time in milliseconds since 1970, updated every second while `isTicking`.
 *
 * @example
 * const elapsedMs = useNow(!task.isOver) - startedAt
 */
export function useNow(isTicking: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!isTicking) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [isTicking])
  return now
}
