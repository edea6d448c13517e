const key = 'tidings.token'

declare global {
  interface Window {
    /** A page or test around the Studio may bring its own way to tokens; called whenever one is needed. */
    tidingsToken?: () => string | null | Promise<string | null>
  }
}

/** The token to send: from `window.tidingsToken`, or what was entered in this tab; null for none. */
export function readToken(): string | null | Promise<string | null> {
  return window.tidingsToken?.() ?? sessionStorage.getItem(key)
}

/** Remembers what was entered, for this tab only. */
export function storeToken(token: string): void {
  if (token === '') sessionStorage.removeItem(key)
  else sessionStorage.setItem(key, token)
}
