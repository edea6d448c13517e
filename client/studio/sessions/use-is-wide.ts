import { useSyncExternalStore } from 'react'

/** As in styles/session.css. */
const wide = '(width > 56rem)'

/** Whether there is room beside a conversation for what it is about. */
export function useIsWide(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(wide).matches)
}

function subscribe(listener: () => void): () => void {
  const query = window.matchMedia(wide)
  query.addEventListener('change', listener)
  return () => query.removeEventListener('change', listener)
}
