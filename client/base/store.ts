/** An observable value; fits React's `useSyncExternalStore`. */
export interface Store<T> {
  /** Calls `listener` after each change. @returns a function that stops that */
  subscribe(listener: () => void): () => void
  /** Returns the current value: immutable, and the same object until it changes. */
  getSnapshot(): T
}

/** A store with its setter. */
export interface MutableStore<T> extends Store<T> {
  /** Replaces the value, and calls the listeners unless it is the same. */
  set(value: T): void
  /** The number of listeners. */
  readonly listeners: number
}

/**
 * Creates a store.
 *
 * @param onListeners - called after the number of listeners has changed
 *
 * @example
 * const drafts = createStore<readonly string[]>([])
 * drafts.set([...drafts.getSnapshot(), 'first'])
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
      // One object per subscription: the same function may be registered twice, as React does under
      // StrictMode.
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
