/** Reads what this browser remembers; null where there is nothing, or nothing may be remembered. */
export function readLocal(key: string): string | null {
  try {
    return window.localStorage.getItem(key)
  } catch {
    // Pages may forbid it.
    return null
  }
}

/** Has this browser remember something, where it may and has room. */
export function writeLocal(key: string, value: string): void {
  try {
    window.localStorage.setItem(key, value)
  } catch {
    // Forbidden or full. Whoever asks for it later is told that there is nothing.
  }
}
