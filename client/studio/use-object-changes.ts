import { useEffect, useRef } from 'react'
import { useViewerUpdates } from '../apps/viewer/use-viewer-updates.ts'

/** Fetches an object of the viewer's lists again when it has changed, in any tab or by a task. */
export function useObjectChanges(id: string, refetch: () => void): void {
  const { changes } = useViewerUpdates()
  const latest = changes === null ? null : `${changes.objects.get(id) ?? 0} ${changes.gaps}`
  const previous = useRef<string | null>(null)
  useEffect(() => {
    if (latest === null || latest === previous.current) return
    // The first state comes with the data of the page.
    const isFirst = previous.current === null
    previous.current = latest
    if (!isFirst) refetch()
  }, [latest, refetch])
}
