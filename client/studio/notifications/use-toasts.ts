import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { InboxEntry } from '../../apps/notifications/reduce-inbox.ts'
import { useInbox } from '../../apps/notifications/use-inbox.ts'
import { useConnection } from '../../react/index.ts'
import { useRoute } from '../shell/use-route.ts'
import { isShownOn, leadOf } from './lead.ts'

const noEntries: readonly InboxEntry[] = []

/** Notifications shown as toasts. */
interface Toasts {
  /** Oldest first. */
  readonly toasts: readonly InboxEntry[]
  /** Hides a toast; its inbox entry remains unchanged. */
  readonly clear: (id: string) => void
  /** Hides a toast and marks its notification as read. */
  readonly dismiss: (id: string) => void
}

/**
 * Returns notifications that arrived while this page was open and are still unread, here and
 * elsewhere. A notification about the current page is not shown: the user sees its subject already,
 * so it is marked as read.
 */
export function useToasts(): Toasts {
  const { inbox, markRead } = useInbox()
  const { route } = useRoute()
  const { status } = useConnection()
  const isVisible = usePageVisible()
  const [clearedIds, setCleared] = useState<ReadonlySet<string>>(new Set())
  const markedIds = useRef(new Set<string>())
  const unread = (inbox?.entries ?? noEntries).filter(({ readAt }) => readAt === null)
  const isHere = ({ about }: InboxEntry): boolean => isVisible && isShownOn(route, leadOf(about))

  const isUp = status === 'live' || status === 'degraded'
  const readIds = unread.filter(isHere).map(({ id }) => id)
  const hereKey = readIds.join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the ids are what matters, not the list that they come in
  useEffect(() => {
    if (!isUp) return
    for (const id of readIds) {
      if (markedIds.current.has(id)) continue
      markedIds.current.add(id)
      void markRead(id).then((refusal) => {
        // Retried the next time the set of notifications about this page changes.
        if (refusal !== null) markedIds.current.delete(id)
      })
    }
  }, [hereKey, isUp, markRead])

  const clear = useCallback((id: string) => setCleared((before) => new Set([...before, id])), [])
  const dismiss = useCallback(
    (id: string) => {
      clear(id)
      void markRead(id)
    },
    [clear, markRead],
  )
  const toasts = unread
    .filter((entry) => entry.arrivedSeq !== null && !clearedIds.has(entry.id) && !isHere(entry))
    .reverse()
  return { toasts, clear, dismiss }
}

function subscribeToVisibility(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener)
  return () => document.removeEventListener('visibilitychange', listener)
}

/** Whether this page is visible. */
export function usePageVisible(): boolean {
  return useSyncExternalStore(subscribeToVisibility, () => document.visibilityState === 'visible')
}
