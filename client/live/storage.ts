/**
 * Where the outbox keeps what has not been sent: the part of `localStorage` that is used, so that it fits as it is.
 * The functions may be asynchronous; what they throw is reported by the outbox and otherwise without consequence.
 */
export interface OfflineStorage {
  /** Resolves to null when there is nothing under this key. */
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): void | Promise<void>
  removeItem(key: string): void | Promise<void>
}
