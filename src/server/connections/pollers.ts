import type { Viewer } from '../../tasks/model/viewer.ts'
import type { ClientInfo } from '../request/client-address.ts'

/** A client that follows a topic by polling. */
export interface Poller extends Omit<ClientInfo, 'network'> {
  readonly id: string
  readonly userId: string | null
  readonly openedAtMs: number
}

/**
 * The polling clients. A request is short, so a client that polls again in time counts as connected
 * in between.
 */
export interface Pollers {
  /** Records a request. @returns whether it comes from a new client */
  seen(viewer: Viewer | null, from: ClientInfo): boolean
  /** Returns the clients seen within `quietMs`, oldest first. */
  list(): readonly Poller[]
}

/** The Tidings client polls again after at most 5 s. */
const defaultQuietMs = 12_000
/** Bounds the memory used by made-up user agents. Further clients are served but not listed. */
const maxPollers = 10_000

/** Creates the list. Pages of one user in one browser at one address count as one client. */
export function createPollers({ quietMs = defaultQuietMs, now = Date.now } = {}): Pollers {
  /** The least recently seen client first. */
  const pollers = new Map<string, Poller & { seenAtMs: number }>()
  let ids = 0
  const forget = (): void => {
    for (const [key, { seenAtMs }] of pollers) {
      if (now() - seenAtMs <= quietMs) return
      pollers.delete(key)
    }
  }
  return {
    seen(viewer, { address, userAgent }) {
      forget()
      const userId = viewer?.userId ?? null
      const key = JSON.stringify([userId, address, userAgent])
      const existing = pollers.get(key)
      if (existing === undefined && pollers.size >= maxPollers) return false
      pollers.delete(key)
      const at = now()
      pollers.set(
        key,
        existing === undefined
          ? { id: `p${++ids}`, userId, address, userAgent, openedAtMs: at, seenAtMs: at }
          : Object.assign(existing, { seenAtMs: at }),
      )
      return existing === undefined
    },
    list() {
      forget()
      return [...pollers.values()].sort((a, b) => a.openedAtMs - b.openedAtMs)
    },
  }
}
