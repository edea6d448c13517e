import type { Viewer } from '../tasks/viewer.ts'
import type { Whence } from './address.ts'

/** Somebody who watches by asking again and again. */
export interface Poller extends Whence {
  readonly id: string
  readonly userId: string | null
  readonly openedAtMs: number
}

/** Those who poll. A request is over in a moment, so whoever asks again in time counts as connected in between. */
export interface Pollers {
  /** Takes note of a request. @returns whether it is somebody new */
  seen(viewer: Viewer | null, from: Whence): boolean
  /** Those who were here within the time, oldest first. */
  list(): readonly Poller[]
}

/** The client of this house asks again after 5 s at most. */
const defaultQuietMs = 12_000
/** So that nobody fills the memory with names. Who comes then is served, and not listed. */
const maxPollers = 10_000

/** Creates the list. Pages of one user in one browser at one address count as one. */
export function createPollers({ quietMs = defaultQuietMs, now = Date.now } = {}): Pollers {
  /** The one who was here longest ago first. */
  const known = new Map<string, Poller & { seenAtMs: number }>()
  let ids = 0
  const forget = (): void => {
    for (const [key, { seenAtMs }] of known) {
      if (now() - seenAtMs <= quietMs) return
      known.delete(key)
    }
  }
  return {
    seen(viewer, { address, userAgent }) {
      forget()
      const userId = viewer?.userId ?? null
      const key = JSON.stringify([userId, address, userAgent])
      const one = known.get(key)
      if (one === undefined && known.size >= maxPollers) return false
      known.delete(key)
      const at = now()
      known.set(
        key,
        one === undefined
          ? { id: `p${++ids}`, userId, address, userAgent, openedAtMs: at, seenAtMs: at }
          : Object.assign(one, { seenAtMs: at }),
      )
      return one === undefined
    },
    list() {
      forget()
      return [...known.values()].sort((a, b) => a.openedAtMs - b.openedAtMs)
    },
  }
}
