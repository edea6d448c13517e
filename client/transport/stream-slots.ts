import { isPage } from '../base/environment.ts'

/**
 * Browsers open six HTTP/1.1 connections to a server, across all tabs, and a stream occupies one
 * for as long as it lasts. Two streams, each opened beside its predecessor when its token is
 * renewed, leave two connections for requests.
 */
const maxStreams = 2

/** Limits the event streams of all tabs of a browser. */
interface StreamSlots {
  /**
   * Takes a slot, or shares the one that this client holds. @returns a function that releases it,
   * or why there is none
   */
  acquire(): Promise<(() => void) | string>
}

/**
 * Creates the slots of one client, held as Web Locks: the browser releases those of a closed tab.
 * Outside of browsers there is no limit.
 */
export function createStreamSlots(url: string): StreamSlots {
  const { navigator, location } = globalThis as { navigator?: { locks?: LockManager }; location?: { href: string } }
  let users = 0
  let acquisition: Promise<(() => void) | string> | undefined

  const take = async (): Promise<(() => void) | string> => {
    const locks = navigator?.locks
    // Web Locks are missing on pages that were not loaded over https. No other way counts reliably,
    // so such a page polls.
    if (locks === undefined)
      return 'This page cannot count the event streams of other tabs, as it did not come over https'
    const { origin } = new URL(url, location?.href)
    for (let slot = 1; slot <= maxStreams; slot++) {
      const release = await lock(locks, `tidings:${origin}:event-stream:${slot}`)
      if (release !== null) return release
    }
    return 'Other tabs of this browser use the two event streams that it may have'
  }

  return {
    async acquire() {
      if (!isPage()) return () => undefined
      users++
      acquisition ??= take()
      const slot = await acquisition
      let isReleased = false
      const release = (): void => {
        if (isReleased) return
        isReleased = true
        users--
        if (users > 0) return
        acquisition = undefined
        if (typeof slot === 'function') slot()
      }
      if (typeof slot === 'function') return release
      release()
      return slot
    },
  }
}

/** Takes a lock. @returns a function that releases it; null when it is held elsewhere */
function lock(locks: LockManager, name: string): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    const request = locks.request(name, { ifAvailable: true }, (granted) => {
      if (granted === null) return resolve(null)
      return new Promise<void>((release) => resolve(release))
    })
    request.catch(reject)
  })
}
