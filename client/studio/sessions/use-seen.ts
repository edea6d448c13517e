import { useCallback, useEffect, useState } from 'react'
import { readLocal, writeLocal } from '../local.ts'

const keyOf = (sessionId: string): string => `tidings.seen.${sessionId}`

/** The newest position that was seen of a session in this browser; null when it was never opened. */
export function readSeen(sessionId: string): number | null {
  const stored = readLocal(keyOf(sessionId))
  return stored === null ? null : Number(stored)
}

/** What is new since somebody looked. */
export interface Seen {
  /** The position after which everything is new: as it was when the page was opened, or shown again. Null when nothing is. */
  readonly newAfter: number | null
  /** Says that everything up to here was on the screen. */
  readonly saw: (position: number) => void
  /** Nothing is new any more. */
  readonly clear: () => void
}

/** Remembers what was seen of a session, and says what has come since, after each absence. */
export function useSeen(sessionId: string): Seen {
  const [newAfter, setNewAfter] = useState(() => readSeen(sessionId))
  useEffect(() => {
    const shown = (): void => {
      if (document.visibilityState === 'visible') setNewAfter(readSeen(sessionId))
    }
    document.addEventListener('visibilitychange', shown)
    return () => document.removeEventListener('visibilitychange', shown)
  }, [sessionId])
  const saw = useCallback(
    (position: number) => {
      if (document.visibilityState === 'visible' && position > (readSeen(sessionId) ?? 0))
        writeLocal(keyOf(sessionId), String(position))
    },
    [sessionId],
  )
  const clear = useCallback(() => setNewAfter(null), [])
  return { newAfter, saw, clear }
}
