/**
 * Where the outbox keeps what has not been answered. A Web `Storage`, such as `localStorage`, fits as it is.
 * The functions may be asynchronous; what they throw is reported by the outbox and otherwise without consequence.
 */
export interface OfflineStorage {
  /** Resolves to null when there is nothing under this key. */
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): void | Promise<void>
  removeItem(key: string): void | Promise<void>
  /** All keys, in any order; those of others may be among them. */
  keys(): readonly string[] | Promise<readonly string[]>
}

/** Gives a Web `Storage` the form of an {@link OfflineStorage}. */
export function toOfflineStorage(storage: OfflineStorage | Storage): OfflineStorage {
  // The type of a Web `Storage` lets any name be anything: only this tells them apart.
  if (typeof storage['keys'] === 'function') return storage as OfflineStorage
  const web = storage as Storage
  return {
    getItem: (key) => web.getItem(key),
    setItem: (key, value) => web.setItem(key, value),
    removeItem: (key) => web.removeItem(key),
    keys: () => Array.from({ length: web.length }, (_, index) => web.key(index) ?? ''),
  }
}
