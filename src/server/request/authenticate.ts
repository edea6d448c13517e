import { createSecretKey, hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import type { Config } from '../../config.ts'
import { TidingsError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { isStorable, unstorable } from '../../tasks/model/storable.ts'
import { localDeveloper, type Viewer } from '../../tasks/model/viewer.ts'

/** The caller of a request or of a WebSocket. */
export interface Caller {
  /** The headers of the request, or of the one that opened the WebSocket; names are in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The payload of `connection_init`; undefined over HTTP, and without a payload. */
  readonly connectionParams?: Readonly<Record<string, unknown>> | undefined
}

/** A viewer as an application knows it. */
export interface AuthenticatedUser {
  /** The owner of the tasks that this user starts; 1 to 200 characters. */
  readonly userId: string
  /** @default [] */
  readonly roles?: readonly string[]
  /** The plan that determines the priority boost. @default null */
  readonly plan?: string | null
  /**
   * The ids of the only tasks that the viewer may read, follow and cancel, such as for a link to one task: everything else is refused,
   * and an empty list permits nothing. They need the permission of `userId` as well. @default null, all tasks of the user
   */
  readonly tasks?: readonly string[] | null
  /** When the credentials expire: the connection is then closed, and the client has to renew them. @default null */
  readonly expiresAt?: Date | null
}

/** Authenticates a caller; null for one without credentials. @throws TidingsError `UNAUTHENTICATED` for credentials that are refused */
export type Authenticate = (caller: Caller) => AuthenticatedUser | null | Promise<AuthenticatedUser | null>

/** Returns the viewer of an operation from the context of a team; by default it is the one that was authenticated. */
export type ReadViewer = (context: object) => AuthenticatedUser | null

/** Authenticates requests. Shared by all transports. */
export interface Authenticator {
  /**
   * Verifies credentials.
   *
   * @param authorization - `Bearer <token>`, as in the header; undefined when none was sent
   * @param caller - for applications that authenticate callers otherwise than by a token
   * @returns the viewer; null without credentials
   * @throws TidingsError `UNAUTHENTICATED`, with `details.expired` true when the token is valid
   * except for its expiry; `UNAVAILABLE` when the issuer's keys cannot be fetched, and for a token
   * that is not valid yet, so that clients repeat the request
   */
  read(authorization: string | undefined, caller?: Caller): Promise<Viewer | null>
  /**
   * False when neither a secret, a key set nor a function is configured: then every viewer is the
   * {@link localDeveloper}.
   */
  readonly areRequired: boolean
}

/** The settings for verifying tokens. */
type TokenConfig = Pick<
  Config,
  'JWT_SECRET' | 'JWKS_URL' | 'JWT_ISSUER' | 'JWT_AUDIENCE' | 'JWT_CLOCK_TOLERANCE_SECONDS' | 'JWT_REQUIRE_EXP'
>

/** The largest time of a `Date`, in seconds since 1970. */
const lastSecond = 8.64e12
const claims = z.object({
  sub: z.string().min(1).max(200).refine(isStorable, unstorable),
  roles: z.array(z.string()).default([]),
  plan: z.string().nullable().default(null),
  tasks: z.array(z.string()).nullable().default(null),
  sessions: z.array(z.string()).nullable().default(null),
  // A time beyond the range of `Date` would make every later use of it fail.
  exp: z
    .number()
    .refine((seconds) => Math.abs(seconds) <= lastSecond, `beyond ${new Date(lastSecond * 1_000).toISOString()}`)
    .optional(),
})
/**
 * Asymmetric algorithms only: a key set is public, so none of its keys may be used as a shared
 * secret.
 */
const publicKeyAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const jwksTimeoutMs = 3_000
/**
 * For this time the signature of a token is not verified again: that takes a thread of its own, and
 * longer than the rest of a small request.
 */
const verifiedMs = 60_000
const maxVerifiedTokens = 10_000
/** The longest delay proposed to the holder of a token that is not valid yet. */
const longestRetryMs = 60_000
/** The longest delay of a timer; a longer one fires at once. */
const longestTimerMs = 2_147_483_647

/**
 * Creates the verifier of tokens.
 *
 * Claims: `sub` (user id, required), `roles` (list), `plan`, `exp` (required unless
 * `JWT_REQUIRE_EXP=false`); `iss` and `aud` when the settings require them. `tasks` and `sessions` (lists of ids): with either of them the token is
 * scoped to these tasks and sessions, whatever its roles; a task that replies in one of the
 * sessions belongs to it. A token with two empty lists permits nothing.
 */
export function createAuthenticator(config: TokenConfig, logger: Logger): Authenticator {
  const { JWT_SECRET: secret, JWKS_URL: jwksUrl } = config
  if (secret === undefined && jwksUrl === undefined)
    return { areRequired: false, read: () => Promise.resolve(localDeveloper) }

  const key = secret === undefined ? undefined : createSecretKey(secret, 'utf8')
  const keySet =
    jwksUrl === undefined ? undefined : createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: jwksTimeoutMs })
  const options: JWTVerifyOptions = {
    // Applies to `nbf`: the expiry is checked below, without a tolerance.
    clockTolerance: config.JWT_CLOCK_TOLERANCE_SECONDS,
    ...(config.JWT_ISSUER === undefined ? {} : { issuer: config.JWT_ISSUER }),
    ...(config.JWT_AUDIENCE === undefined ? {} : { audience: config.JWT_AUDIENCE }),
  }

  /** The payloads of valid tokens, by the digest of the token. */
  const verified = new LRUCache<string, JWTPayload>({ max: maxVerifiedTokens, ttl: verifiedMs })
  const verify = async (token: string): Promise<JWTPayload> => {
    const digest = hash('sha256', token)
    const known = verified.get(digest)
    if (known !== undefined) return known
    const payload = await verifySignature(token)
    verified.set(digest, payload)
    return payload
  }
  const verifySignature = async (token: string): Promise<JWTPayload> => {
    if (key !== undefined && (keySet === undefined || isSharedSecret(token)))
      return (await jwtVerify(token, key, { ...options, algorithms: ['HS256'] })).payload
    if (keySet === undefined) throw new errors.JWTInvalid('no key')
    return (await jwtVerify(token, keySet, { ...options, algorithms: publicKeyAlgorithms })).payload
  }

  return {
    areRequired: true,
    async read(authorization) {
      if (authorization === undefined || authorization === '') return null
      const [, token] = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization.trim()) ?? []
      if (token === undefined) throw refusal('The Authorization is not of the form "Bearer <token>"')
      let payload: JWTPayload
      try {
        payload = await verify(token)
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw expired()
        if (
          error instanceof errors.JWTClaimValidationFailed &&
          typeof error.payload.nbf === 'number' &&
          error.claim === 'nbf'
        )
          throw notYetValid(error.payload.nbf)
        if (isForgery(error)) throw refusal(`The token is refused: ${error.message}`)
        logger.error({ err: error, jwksUrl }, 'failed to fetch the keys of the token issuer')
        throw new TidingsError('UNAVAILABLE', 'Tokens cannot be checked now: the keys of their issuer are unavailable')
      }
      const parsed = claims.safeParse(payload)
      if (!parsed.success) {
        const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
        throw refusal(`The token is refused: ${issues}`)
      }
      const { sub, roles, plan, tasks, sessions, exp } = parsed.data
      if (exp === undefined && config.JWT_REQUIRE_EXP)
        throw refusal('The token is refused: exp: missing; issue tokens that expire, or set JWT_REQUIRE_EXP=false')
      const expiresAt = exp === undefined ? null : new Date(exp * 1_000)
      if (expiresAt !== null && expiresAt.getTime() <= Date.now()) throw expired()
      return { userId: sub, roles, plan, taskIds: tasks, sessionIds: sessions, expiresAt }
    },
  }
}

/** Returns the viewer that an application describes. @throws TypeError for a user id that cannot be stored */
export function toViewer(user: AuthenticatedUser): Viewer
export function toViewer(user: AuthenticatedUser | null): Viewer | null
export function toViewer(user: AuthenticatedUser | null): Viewer | null {
  if (user === null) return null
  const { userId, roles = [], plan = null, tasks = null, expiresAt = null } = user
  if (!claims.shape.sub.safeParse(userId).success)
    throw new TypeError(`The userId ${JSON.stringify(userId)} cannot be used; allowed: 1 to 200 characters`)
  return { userId, roles, plan, taskIds: tasks, sessionIds: null, expiresAt }
}

/** Creates an authenticator of the function of an application. */
export function createViewerReader(authenticate: Authenticate): Authenticator {
  return {
    areRequired: true,
    async read(_, caller) {
      const user = caller === undefined ? null : await authenticate(caller)
      if (user === null) return null
      const viewer = toViewer(user)
      if (viewer.expiresAt !== null && viewer.expiresAt.getTime() <= Date.now()) throw expired()
      return viewer
    },
  }
}

/** Whether a refused token is merely expired: its holder only has to renew it. */
export function isExpired(error: unknown): boolean {
  return error instanceof TidingsError && error.details['expired'] === true
}

/**
 * Calls the listener when the viewer's token expires.
 * @returns a function that cancels it
 */
export function onExpiry(viewer: Viewer | null, listener: () => void): (() => void) | undefined {
  if (viewer === null || viewer.expiresAt === null) return undefined
  const expiresAt = viewer.expiresAt.getTime()
  let timer: NodeJS.Timeout
  const arm = (): void => {
    // A timer may fire a millisecond early.
    timer = setTimeout(() => (Date.now() >= expiresAt ? listener() : arm()), clampDelay(expiresAt - Date.now()))
    timer.unref()
  }
  arm()
  return () => clearTimeout(timer)
}

function clampDelay(ms: number): number {
  return Math.min(Math.max(ms, 1), longestTimerMs)
}

function isSharedSecret(token: string): boolean {
  const [header = ''] = token.split('.')
  try {
    return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown } | null)?.alg === 'HS256'
  } catch {
    // Not even the header is valid: every key would refuse the token.
    return false
  }
}

/**
 * Whether jose threw the error about the token itself; errors about fetching the keys are not the
 * caller's fault.
 */
function isForgery(error: unknown): error is Error {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== 'ERR_JOSE_GENERIC'
  )
}

function refusal(message: string): TidingsError {
  return new TidingsError('UNAUTHENTICATED', message)
}

/** @param nbf - in seconds since 1970 */
function notYetValid(nbf: number): TidingsError {
  const validAt = new Date(Math.min(nbf, lastSecond) * 1_000)
  return new TidingsError('UNAVAILABLE', `The token is not valid before ${validAt.toISOString()}; try again then`, {
    retryAfterMs: Math.min(Math.max(0, validAt.getTime() - Date.now()), longestRetryMs),
  })
}

function expired(): TidingsError {
  return new TidingsError('UNAUTHENTICATED', 'The token has expired; renew it', { expired: true })
}
