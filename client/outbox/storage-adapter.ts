/**
 * Stores the unanswered mutations of the outbox. A Web `Storage`, such as `localStorage`, can be
 * passed as it is. The functions may be asynchronous. The outbox logs their errors; they have no
 * other consequence.
 */
export interface OfflineStorage {
  /** Returns or resolves to null when there is no value under this key. */
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): void | Promise<void>
  removeItem(key: string): void | Promise<void>
  /** All keys, in any order, possibly including keys of other programs. */
  keys(): readonly string[] | Promise<readonly string[]>
}

/** Adapts a Web `Storage` to {@link OfflineStorage}. */
export function toOfflineStorage(storage: OfflineStorage | Storage): OfflineStorage {
  // The type of a Web `Storage` allows any property name, so only this check distinguishes the two.
  if (typeof storage['keys'] === 'function') return storage as OfflineStorage
  const web = storage as Storage
  return {
    getItem: (key) => web.getItem(key),
    setItem: (key, value) => web.setItem(key, value),
    removeItem: (key) => web.removeItem(key),
    keys: () => Array.from({ length: web.length }, (_, index) => web.key(index) ?? ''),
  }
}
