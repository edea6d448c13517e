/** A token, or null for none, and what is known of it. */
export interface Credential {
  readonly token: string | null
  /** When to renew it, in milliseconds since 1970; null when it does not say when it expires. */
  readonly renewAt: number | null
  /** Whose it is; null for nobody's, and where that cannot be known. */
  readonly userId: string | null
}

/** Whoever needs the token asks here: one question to the application at a time, and none while the answer is fresh. */
export interface Tokens {
  /**
   * The token to use now.
   * @throws what the application's function throws
   */
  get(): Promise<Credential>
  /** Forgets the token, so that the next `get` asks again. @param refused - only if it is still this one */
  forget(refused?: string | null): void
  /** False when there is no function to ask. */
  readonly canRenew: boolean
  /** Whose the last token was; undefined as long as there was none. */
  user(): string | null | undefined
  /** Calls back when a token is another user's than the one before, and with the first one. One listener. */
  onUser(listener: () => void): void
}

/**
 * Creates the source of tokens.
 *
 * @param options.leewayMs - how long before its `exp` a token counts as old; at most a third of its lifetime
 */
export function createTokens(options: {
  readonly ask: (() => string | null | Promise<string | null>) | undefined
  readonly leewayMs: number
  /** Whose a token is; its `sub` by default. */
  readonly userOf?: ((token: string) => string | null) | undefined
}): Tokens {
  const { ask, leewayMs, userOf = findUser } = options
  let user: string | null | undefined = ask === undefined ? null : undefined
  let changed: () => void = () => undefined
  let kept: Credential | undefined
  let asking: Promise<Credential> | undefined

  const renew = async (): Promise<Credential> => {
    const token = (await ask?.()) ?? null
    const credential = {
      token,
      renewAt: token === null ? null : findRenewal(token, Date.now(), leewayMs),
      userId: token === null ? null : userOf(token),
    }
    // Without an expiry there is no telling how long it is good: asked for each time.
    kept = credential.renewAt === null ? undefined : credential
    if (user !== credential.userId) {
      user = credential.userId
      changed()
    }
    return credential
  }

  return {
    canRenew: ask !== undefined,
    user: () => user,
    onUser(listener) {
      changed = listener
    },
    async get() {
      if (kept !== undefined && Date.now() < (kept.renewAt ?? 0)) return kept
      asking ??= renew().finally(() => {
        asking = undefined
      })
      return asking
    },
    forget(refused) {
      if (refused === undefined || kept?.token === refused) kept = undefined
    },
  }
}

/** When a token that was given at `now` is to be renewed. One that seems to be too old already is left to the server's clock. */
function findRenewal(token: string, now: number, leewayMs: number): number | null {
  const claims = readClaims(token)
  if (claims?.exp === undefined) return null
  const issuedAt = claims.iat === undefined ? now : claims.iat * 1_000
  const renewAt = claims.exp * 1_000 - Math.min(leewayMs, (claims.exp * 1_000 - issuedAt) / 3)
  return renewAt > now ? renewAt : null
}

function findUser(token: string): string | null {
  return readClaims(token)?.sub ?? null
}

/** What is looked at in a JWT, times in seconds; null when it is not one. Nothing is verified: that is the server's business. */
function readClaims(token: string): { readonly exp?: number; readonly iat?: number; readonly sub?: string } | null {
  const [, payload] = token.split('.')
  if (payload === undefined) return null
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    if (typeof claims !== 'object' || claims === null) return null
    const { exp, iat, sub } = claims as Readonly<Record<'exp' | 'iat' | 'sub', unknown>>
    return {
      ...(typeof exp === 'number' ? { exp } : {}),
      ...(typeof iat === 'number' ? { iat } : {}),
      ...(typeof sub === 'string' ? { sub } : {}),
    }
  } catch {
    // An opaque token: it says nothing about itself, which is its right.
    return null
  }
}
