const key = 'tidings.token'

declare global {
  interface Window {
    /**
     * Set by a page or test that embeds the Studio, to provide tokens; called whenever one is
     * needed.
     */
    tidingsToken?: () => string | null | Promise<string | null>
  }
}

/**
 * Returns the token to send: from `window.tidingsToken`, or the one entered in this tab; null for
 * none.
 */
export function readToken(): string | null | Promise<string | null> {
  return window.tidingsToken?.() ?? sessionStorage.getItem(key)
}

/** Stores the entered token, for this tab only. */
export function storeToken(token: string): void {
  if (token === '') sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, token)
}
