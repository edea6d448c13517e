/**
 * Reads a value from the browser's local storage; null where there is none, or storage is
 * forbidden.
 */
export function readLocal(key: string): string | null {
  try {
    return window.localStorage.getItem(key)
  } catch {
    // The browser may forbid it.
    return null
  }
}

/** Writes a value to the browser's local storage, where that is allowed and has room. */
export function writeLocal(key: string, value: string): void {
  try {
    window.localStorage.setItem(key, value)
  } catch {
    // Forbidden or full; a later read returns null.
  }
}
