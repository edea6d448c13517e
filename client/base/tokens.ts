/** A token, or null for none, with its properties. */
export interface Credential {
  readonly token: string | null
  /** When to renew the token, in milliseconds since 1970; null when its expiry is unknown. */
  readonly renewAt: number | null
  /** The user of the token; null when there is none or it is unknown. */
  readonly userId: string | null
}

/**
 * The source of tokens for all parts of the client. Calls the application's function at most once
 * at a time, and not while the token is fresh.
 */
export interface Tokens {
  /**
   * Returns the token to use now.
   * @throws the error of the application's function
   */
  get(): Promise<Credential>
  /**
   * Forgets the token, so that the next `get` requests a new one. @param refused - forget only this
   * token
   */
  forget(refused?: string | null): void
  /** Whether there is a function that returns tokens. */
  readonly canRenew: boolean
  /** Returns the user of the last token; undefined before the first one. */
  user(): string | null | undefined
  /**
   * Calls `listener` with the first token, and when a token belongs to another user than the
   * previous one. Supports one listener.
   */
  onUser(listener: () => void): void
}

/**
 * Creates the source of tokens.
 *
 * @param options.leewayMs - how long before its `exp` a token counts as expired; at most a third of
 * its lifetime
 */
export function createTokens(options: {
  readonly ask: (() => string | null | Promise<string | null>) | undefined
  readonly leewayMs: number
  /** Returns the user of a token. @default its `sub` */
  readonly userOf?: ((token: string) => string | null) | undefined
}): Tokens {
  const { ask, leewayMs, userOf = findUser } = options
  let user: string | null | undefined = ask === undefined ? null : undefined
  let onChange: () => void = () => undefined
  let cachedCredential: Credential | undefined
  let asking: Promise<Credential> | undefined

  const renew = async (): Promise<Credential> => {
    const token = (await ask?.()) ?? null
    const credential = {
      token,
      renewAt: token === null ? null : findRenewal(token, Date.now(), leewayMs),
      userId: token === null ? null : userOf(token),
    }
    // Without an `exp`, the lifetime is unknown: the application is asked each time.
    cachedCredential = credential.renewAt === null ? undefined : credential
    if (user !== credential.userId) {
      user = credential.userId
      onChange()
    }
    return credential
  }

  return {
    canRenew: ask !== undefined,
    user: () => user,
    onUser(listener) {
      onChange = listener
    },
    async get() {
      if (cachedCredential !== undefined && Date.now() < (cachedCredential.renewAt ?? 0)) return cachedCredential
      asking ??= renew().finally(() => {
        asking = undefined
      })
      return asking
    },
    forget(refused) {
      if (refused === undefined || cachedCredential?.token === refused) cachedCredential = undefined
    },
  }
}

/**
 * Returns when to renew a token that was issued at `now`; null for a token that already seems
 * expired, as the server's clock decides that.
 */
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

/**
 * Reads the used claims of a JWT, times in seconds; null when it is not a JWT. Nothing is verified:
 * the server does that.
 */
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
    // An opaque token has no readable claims.
    return null
  }
}
