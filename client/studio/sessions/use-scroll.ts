import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { SessionMessage } from '../../apps/sessions/session-state.ts'
import type { UnsentMessage } from '../../apps/sessions/unsent.ts'

/** The distance from the end, in pixels, that counts as being at the end. */
const nearPx = 60

/** The scroll state of a conversation. */
interface Scroll {
  /** The scroll container. */
  readonly box: RefObject<HTMLElement | null>
  /** Whether the end is out of view. */
  readonly isAway: boolean
  readonly toEnd: () => void
  /** Must be called when the container is scrolled. */
  readonly scrolled: () => void
  /** Must be called before earlier messages are added: it preserves the visible scroll position. */
  readonly hold: () => void
}

/**
 * Keeps a conversation scrolled to its end while the user is there, and otherwise at the current
 * position. Initially scrolls to the marker of new messages, if there is one.
 *
 * @param markRead - called with the newest position when the end is in view
 */
export function useScroll(
  messages: readonly SessionMessage[],
  unsent: readonly UnsentMessage[],
  markRead: (position: number) => void,
): Scroll {
  const box = useRef<HTMLElement>(null)
  const isAtEnd = useRef(true)
  const [isAway, setIsAway] = useState(false)
  const newest = messages.at(-1)?.position ?? 0

  const toEnd = useCallback(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [])
  const look = (): void => {
    const element = box.current
    if (element === null) return
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearPx
    setIsAway(!isAtEnd.current)
  }
  const scrolled = (): void => {
    look()
    if (isAtEnd.current) markRead(newest)
  }
  const isPlaced = useRef(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: `look` has only what does not change
  useLayoutEffect(() => {
    if (messages.length === 0 && unsent.length === 0) return
    const mark = isPlaced.current ? null : box.current?.querySelector('[data-mark="new"]')
    isPlaced.current = true
    if (mark) {
      mark.scrollIntoView({ block: 'start' })
      look()
    } else if (isAtEnd.current) toEnd()
    if (isAtEnd.current) markRead(newest)
  }, [messages, unsent, newest, toEnd, markRead])

  const first = messages[0]?.position
  const heightBefore = useRef(0)
  const hold = (): void => {
    heightBefore.current = box.current?.scrollHeight ?? 0
  }
  useLayoutEffect(() => {
    const element = box.current
    if (element === null || first === undefined) return
    if (heightBefore.current > 0) element.scrollTop += element.scrollHeight - heightBefore.current
    heightBefore.current = 0
  }, [first])

  useEffect(() => {
    const back = (): void => {
      if (document.visibilityState === 'visible' && isAtEnd.current) toEnd()
    }
    document.addEventListener('visibilitychange', back)
    return () => document.removeEventListener('visibilitychange', back)
  }, [toEnd])
  return { box, isAway, toEnd, scrolled, hold }
}
