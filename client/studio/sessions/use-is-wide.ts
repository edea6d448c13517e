import { useSyncExternalStore } from 'react'

/** The same breakpoint as in styles/session.css. */
const wide = '(width > 56rem)'

/** Whether the cards fit beside the conversation. */
export function useIsWide(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(wide).matches)
}

function subscribe(listener: () => void): () => void {
  const query = window.matchMedia(wide)
  query.addEventListener('change', listener)
  return () => query.removeEventListener('change', listener)
}
