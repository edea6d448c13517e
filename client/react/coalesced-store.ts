import { createStore, type Store } from '../base/store.ts'

/** A store that notifies its listeners of a burst of changes at most once per window. */
export interface CoalescedStore<T> extends Store<T> {
  /** The newest value; listeners may not have been notified of it yet. */
  readonly latest: T
  /**
   * Sets the value. Listeners are notified at once when the last notification is at least a window
   * ago, otherwise at the end of the window. They are always notified of the last value.
   */
  set(value: T): void
  /** The number of listeners. */
  readonly listeners: number
  /** Clears the timer. */
  close(): void
}

/**
 * Creates a coalesced store. `getSnapshot` returns the last published value, not `latest`: React
 * compares snapshots and would otherwise render for every change.
 *
 * @param options.windowMs - each listener is called at most once in this time
 */
export function createCoalescedStore<T>(
  initial: T,
  options: { readonly windowMs: number; readonly onListeners?: (count: number) => void },
): CoalescedStore<T> {
  const { windowMs, onListeners } = options
  const store = createStore(initial, onListeners)
  let latest = initial
  let timer: ReturnType<typeof setTimeout> | undefined
  let notifiedAt = Number.NEGATIVE_INFINITY

  const notify = (): void => {
    timer = undefined
    notifiedAt = performance.now()
    store.set(latest)
  }
  return {
    get latest() {
      return latest
    },
    get listeners() {
      return store.listeners
    },
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    set(value) {
      if (Object.is(value, latest)) return
      latest = value
      if (timer !== undefined) return
      const waitMs = notifiedAt + windowMs - performance.now()
      if (waitMs <= 0) notify()
      else timer = setTimeout(notify, waitMs)
    },
    close() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
