/** What happens around a page that a connection should know of. Everything is absent where there is no page. */
export interface EnvironmentListener {
  /**
   * The network is back, the page is shown again, or it came out of the back/forward cache.
   *
   * @param isNetwork - whether it was the network
   */
  woken(isNetwork: boolean): void
  /** The device says that it has lost the network. */
  wentOffline(): void
}

/**
 * Listens to the page.
 * @returns what ends it
 */
export function watchEnvironment({ woken, wentOffline }: EnvironmentListener): () => void {
  const { document } = globalThis as { readonly document?: Document }
  const shown = (): void => {
    if (document?.visibilityState === 'visible') woken(false)
  }
  const handlers: readonly (readonly [EventTarget | undefined, string, () => void])[] = [
    [pageTarget(), 'online', () => woken(true)],
    [pageTarget(), 'offline', wentOffline],
    // From the back/forward cache timers and sockets come back stale.
    [pageTarget(), 'pageshow', () => woken(false)],
    [document, 'visibilitychange', shown],
  ]
  for (const [target, type, handler] of handlers) target?.addEventListener(type, handler)
  return () => {
    for (const [target, type, handler] of handlers) target?.removeEventListener(type, handler)
  }
}

/** Whether the page can be seen; true where there is no page. */
export function isVisible(): boolean {
  const { document } = globalThis as { readonly document?: Document }
  return document?.visibilityState !== 'hidden'
}

/** False only when the device says that there is no network; that there is one says little. */
export function hasNetwork(): boolean {
  return (globalThis as { readonly navigator?: { readonly onLine?: boolean } }).navigator?.onLine !== false
}

/** Whether this runs in a browser: in a page, or in a worker of one. */
export function isPage(): boolean {
  return pageTarget() !== undefined
}

function pageTarget(): EventTarget | undefined {
  return typeof globalThis.addEventListener === 'function' ? globalThis : undefined
}

/**
 * A timer.
 *
 * @param options.isIdle - whether a process may end before it has fired, where there are processes
 * @returns what stops it
 */
export function after(ms: number, then: () => void, options: { readonly isIdle?: boolean } = {}): () => void {
  // Beyond this a timer fires at once.
  const timer: unknown = setTimeout(then, Math.min(ms, 2_147_483_647))
  if (options.isIdle === true && typeof timer === 'object' && timer !== null && 'unref' in timer)
    (timer as { unref(): void }).unref()
  return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0])
}

/** An id that nobody else makes. */
export function createId(): string {
  const { crypto } = globalThis
  // Absent on pages that did not come over https.
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
