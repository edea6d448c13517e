import { createStore, type Store } from '../live/store.ts'

/** A store whose listeners are told of a burst of changes at most once a window. */
export interface CoalescedStore<T> extends Store<T> {
  /** The newest value, which listeners may not have been told of yet. */
  readonly latest: T
  /** Takes a value: told at once after a pause, otherwise at the end of the window. The last one is always told. */
  set(value: T): void
  /** How many listen. */
  readonly listeners: number
  /** Ends the timer. */
  close(): void
}

/**
 * Creates one. `getSnapshot` gives what listeners were told, not `latest`: React compares the two and would render for
 * every change otherwise.
 *
 * @param options.windowMs - at most one call of a listener in this time
 */
export function createCoalescedStore<T>(
  initial: T,
  options: { readonly windowMs: number; readonly onListeners?: (count: number) => void },
): CoalescedStore<T> {
  const { windowMs, onListeners } = options
  const told = createStore(initial, onListeners)
  let latest = initial
  let timer: ReturnType<typeof setTimeout> | undefined
  let toldAt = Number.NEGATIVE_INFINITY

  const tell = (): void => {
    timer = undefined
    toldAt = performance.now()
    told.set(latest)
  }
  return {
    get latest() {
      return latest
    },
    get listeners() {
      return told.listeners
    },
    subscribe: told.subscribe,
    getSnapshot: told.getSnapshot,
    set(value) {
      if (Object.is(value, latest)) return
      latest = value
      if (timer !== undefined) return
      const waitMs = toldAt + windowMs - performance.now()
      if (waitMs <= 0) tell()
      else timer = setTimeout(tell, waitMs)
    },
    close() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
