/** Events of the page that affect a connection. None of them occur where there is no page. */
interface EnvironmentListener {
  /**
   * Called when the network is back, the page is shown again, or it was restored from the
   * back/forward cache.
   *
   * @param isNetwork - whether the network came back
   */
  woken(isNetwork: boolean): void
  /** Called when the device reports that it has lost the network. */
  wentOffline(): void
}

/**
 * Listens to events of the page.
 * @returns a function that stops listening
 */
export function watchEnvironment({ woken, wentOffline }: EnvironmentListener): () => void {
  const { document } = globalThis as { readonly document?: Document }
  const onShow = (): void => {
    if (document?.visibilityState === 'visible') woken(false)
  }
  const handlers: readonly (readonly [EventTarget | undefined, string, () => void])[] = [
    [pageTarget(), 'online', () => woken(true)],
    [pageTarget(), 'offline', wentOffline],
    // Timers and sockets restored from the back/forward cache are stale.
    [pageTarget(), 'pageshow', () => woken(false)],
    [document, 'visibilitychange', onShow],
  ]
  for (const [target, type, handler] of handlers) target?.addEventListener(type, handler)
  return () => {
    for (const [target, type, handler] of handlers) target?.removeEventListener(type, handler)
  }
}

/** Whether the page is visible; true where there is no page. */
export function isVisible(): boolean {
  const { document } = globalThis as { readonly document?: Document }
  return document?.visibilityState !== 'hidden'
}

/**
 * Whether there may be a network. False only when the device reports that there is none; the
 * opposite is unreliable.
 */
export function hasNetwork(): boolean {
  return (globalThis as { readonly navigator?: { readonly onLine?: boolean } }).navigator?.onLine !== false
}

/** Whether this code runs in a browser: in a page or in one of its workers. */
export function isPage(): boolean {
  return pageTarget() !== undefined
}

function pageTarget(): EventTarget | undefined {
  return typeof globalThis.addEventListener === 'function' ? globalThis : undefined
}

/**
 * Starts a timer.
 *
 * @param options.isIdle - whether a process may exit before the timer fires, where there are
 * processes
 * @returns a function that stops the timer
 */
export function after(ms: number, then: () => void, options: { readonly isIdle?: boolean } = {}): () => void {
  // A timer with a larger delay fires at once.
  const timer: unknown = setTimeout(then, Math.min(ms, 2_147_483_647))
  if (options.isIdle === true && typeof timer === 'object' && timer !== null && 'unref' in timer)
    (timer as { unref(): void }).unref()
  return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0])
}

/**
 * Creates a unique id, such as an idempotency key, also on pages that were not loaded over https.
 *
 * @example
 * await client.mutation(AddCardDocument, { input: { clientId: createId(), text } })
 */
export function createId(): string {
  const { crypto } = globalThis
  // `randomUUID` is missing on pages that were not loaded over https.
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
