/** Something that changes and can be watched; fits React's `useSyncExternalStore`. */
export interface Store<T> {
  /** Calls back after each change. @returns what ends it */
  subscribe(listener: () => void): () => void
  /** What is true now: an immutable value, the same one until something changes. */
  getSnapshot(): T
}

/** A store together with what changes it. */
export interface MutableStore<T> extends Store<T> {
  set(value: T): void
  /** How many listen. */
  readonly listeners: number
}

/**
 * Creates a store.
 *
 * @param onListeners - called after the number of listeners has changed
 */
export function createStore<T>(initial: T, onListeners: (count: number) => void = () => undefined): MutableStore<T> {
  const listeners = new Set<{ readonly call: () => void }>()
  let snapshot = initial
  return {
    getSnapshot: () => snapshot,
    set(value) {
      if (Object.is(value, snapshot)) return
      snapshot = value
      for (const { call } of [...listeners]) call()
    },
    subscribe(listener) {
      // One object per subscription: the same function may be registered twice, as React does under StrictMode.
      const entry = { call: listener }
      listeners.add(entry)
      onListeners(listeners.size)
      return () => {
        if (listeners.delete(entry)) onListeners(listeners.size)
      }
    },
    get listeners() {
      return listeners.size
    },
  }
}
