import { useCallback, useEffect, useState } from 'react'
import { readLocal, writeLocal } from '../local.ts'

const keyOf = (sessionId: string): string => `tidings.seen.${sessionId}`

/**
 * Returns the newest position that this browser has shown of a session; null when it was never
 * opened.
 */
export function readPosition(sessionId: string): number | null {
  const storedText = readLocal(keyOf(sessionId))
  return storedText === null ? null : Number(storedText)
}

/** The position where new messages start. */
export interface ReadPosition {
  /**
   * The position after which messages are new, as of when the page was opened or shown again. Null
   * when none are.
   */
  readonly newAfter: number | null
  /** Records that everything up to this position was visible. */
  readonly markRead: (position: number) => void
  /** Marks everything as seen. */
  readonly clear: () => void
}

/**
 * Remembers the last visible message of a session, and returns where new messages start after each
 * absence.
 */
export function useReadPosition(sessionId: string): ReadPosition {
  const [newAfter, setNewAfter] = useState(() => readPosition(sessionId))
  useEffect(() => {
    const onShow = (): void => {
      if (document.visibilityState === 'visible') setNewAfter(readPosition(sessionId))
    }
    document.addEventListener('visibilitychange', onShow)
    return () => document.removeEventListener('visibilitychange', onShow)
  }, [sessionId])
  const markRead = useCallback(
    (position: number) => {
      if (document.visibilityState === 'visible' && position > (readPosition(sessionId) ?? 0))
        writeLocal(keyOf(sessionId), String(position))
    },
    [sessionId],
  )
  const clear = useCallback(() => setNewAfter(null), [])
  return { newAfter, markRead, clear }
}
