import { useEffect, useSyncExternalStore } from 'react'

/**
 * Returns the address of an invitation. The token is in the fragment, which browsers send neither to
 * servers nor as a referrer, so it is in no log.
 */
export function invitationLink(origin: string, token: string): string {
  return `${origin}/?page=sessions#join=${token}`
}

/**
 * Returns the token of the invitation in the address; null without one. Links of previous versions
 * have it in the query, from which it is moved to the fragment.
 */
export function useInvitation(): string | null {
  const fragment = useSyncExternalStore(subscribe, () => window.location.hash)
  useEffect(() => {
    const address = new URL(window.location.href)
    const token = address.searchParams.get('join')
    if (token === null) return
    address.searchParams.delete('join')
    address.hash = `join=${token}`
    window.history.replaceState(null, '', address)
    window.dispatchEvent(new Event('hashchange'))
  }, [])
  return new URLSearchParams(fragment.slice(1)).get('join')
}

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  return () => window.removeEventListener('hashchange', listener)
}
