import type { CombinedError } from '@urql/core'
import { after } from './environment.ts'
import type { Timing } from './timing.ts'
import type { Tokens } from './tokens.ts'
import type { SessionListener, StreamResult } from './transport.ts'

/** Sends requests; the global `fetch` or one that behaves like it. */
export type Fetch = typeof globalThis.fetch

/** What requests need. */
export interface HttpOptions {
  readonly url: string
  readonly fetch: Fetch
  readonly timing: Timing
}

/** Posts an operation, or several. @param accept - the kind of answer that is wanted */
export function post(options: {
  readonly fetch: Fetch
  readonly url: string
  readonly token: string | null
  readonly body: object
  readonly accept: string
  readonly signal: AbortSignal
}): Promise<Response> {
  const { fetch, url, token, body, accept, signal } = options
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept,
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    cache: 'no-store',
    signal,
  })
}

function isGraphqlResponse(headers: Headers | undefined): boolean {
  return headers?.get('content-type')?.includes('application/graphql-response+json') === true
}

/**
 * Reads the error code of a GraphQL response. Only the server answers with `application/graphql-response+json` and a code;
 * firewalls, captive portals and gateways answer with pages or JSON of their own.
 *
 * @returns null for every other answer
 */
export async function readErrorCode(response: Response): Promise<string | null> {
  if (!isGraphqlResponse(response.headers)) return null
  try {
    const { errors } = (await response.json()) as StreamResult
    const code = errors?.[0]?.extensions?.['code']
    return typeof code === 'string' ? code : null
  } catch {
    // Cut off, or not what it says: nothing to rely on.
    return null
  }
}

/**
 * Tells the listener of a session what a status means that is not a success. A 401 or 403 is final only in the server's own
 * words; otherwise something in between may let the next request through.
 *
 * @param code - what {@link readErrorCode} found
 */
export function tellStatus({ status }: Response, code: string | null, listener: SessionListener): void {
  if (status === 401 && code !== null) listener.expired('The server does not accept the token (401)')
  else if (status === 403 && code !== null) listener.refused('The server refuses this client (403)')
  else if (status === 401 || status === 403)
    listener.lost('failed', `Something between this device and the server answered with status ${status}`)
  else if (status === 429) listener.lost('busy', 'The server has too many connections of this client (429)')
  else if (status === 503) listener.lost('busy', 'The server cannot serve now (503)')
  else listener.lost('failed', `The server answered with status ${status}`)
}

/**
 * Finds out with one small request whether the server can be reached at all. Every answer counts, even a refusal, except
 * those of a proxy that finds no server and of a server that cannot serve now.
 *
 * @returns null when it can, or why it cannot
 */
export async function findObstacle(
  options: HttpOptions & { readonly token: string | null; readonly signal: AbortSignal },
): Promise<string | null> {
  const { timing, signal } = options
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  signal.addEventListener('abort', stop)
  const stopTimer = after(timing.proofMs, stop)
  try {
    const response = await post({
      ...options,
      body: { query: '{ __typename }' },
      accept: 'application/json',
      signal: abort.signal,
    })
    await response.body?.cancel()
    return response.status < 500 ? null : `The server answered with status ${response.status}`
  } catch (error) {
    return `The server cannot be reached: ${messageOf(error)}`
  } finally {
    stopTimer()
    signal.removeEventListener('abort', stop)
  }
}

/** What a thrown value says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Client errors other than 401 and 403 that pass by themselves when something in between answers with them. */
const passingStatuses: readonly number[] = [407, 408, 425, 429]

/**
 * Whether an answer was lost, or there was none: the connection broke, before it or within it, or only something in between spoke, such
 * as a proxy that found nobody. The server's own refusals are GraphQL errors and no network errors.
 */
export function isLost({ networkError, graphQLErrors, response }: CombinedError): boolean {
  const { status = 0, headers } = (response ?? {}) as Partial<Response>
  if (status === 401 || status === 403)
    return (
      !isGraphqlResponse(headers) || !graphQLErrors.some(({ extensions }) => typeof extensions?.['code'] === 'string')
    )
  const isFinal = status >= 400 && status < 500 && !passingStatuses.includes(status)
  return networkError !== undefined && !isFinal
}

const awayCodes: readonly unknown[] = ['UNAVAILABLE', 'SHUTTING_DOWN']

/** Whether it was lost, or the server said that it cannot answer now: the same may be answered later. */
export function isUnanswered(error: CombinedError): boolean {
  return isLost(error) || error.graphQLErrors.some(({ extensions }) => awayCodes.includes(extensions?.['code']))
}

/** A mutation was not sent, for the reason that its message gives. */
export class NotSentError extends Error {
  override readonly name: string = 'NotSentError'
}

/** Who made it is not the one who is signed in now. */
export class OtherUserError extends NotSentError {
  override readonly name = 'OtherUserError'

  constructor() {
    super('It was made by another user, and waits for that one to come back')
  }
}

/** Says within the client whose a request is; never leaves it. */
const ownerHeader = 'x-tidings-owner'

/**
 * Marks a request as one user's: it fails with an {@link OtherUserError} rather than go out with another one's token.
 *
 * @param userOf - called when the request is sent; undefined as long as the user is not known, and then nothing is marked
 */
export function withOwner(
  options: RequestInit | (() => RequestInit) | undefined,
  userOf: () => string | null | undefined,
): () => RequestInit {
  return () => {
    const init = typeof options === 'function' ? options() : options
    const userId = userOf()
    if (userId === undefined) return init ?? {}
    const headers = new Headers(init?.headers)
    headers.set(ownerHeader, encodeURIComponent(userId ?? ''))
    return { ...init, headers: Object.fromEntries(headers) }
  }
}

/**
 * Wraps `fetch` so that every request carries the token, is sent once more with a new one when it was refused as old, and
 * fails when no answer has begun within `requestMs`; uploads may take as long as they take.
 */
export function createAuthorizedFetch(plain: Fetch, tokens: Tokens, { requestMs }: Pick<Timing, 'requestMs'>): Fetch {
  const fetch: Fetch = async (input, init) => {
    if (typeof init?.body !== 'string') return plain(input, init)
    const abort = new AbortController()
    const leave = (): void => abort.abort()
    if (init.signal?.aborted === true) leave()
    init.signal?.addEventListener('abort', leave)
    const stopTimer = after(requestMs, () => abort.abort(new Error(`The server did not answer within ${requestMs} ms`)))
    try {
      return await plain(input, { ...init, signal: abort.signal })
    } finally {
      stopTimer()
    }
  }
  const send = (input: RequestInfo | URL, init: RequestInit | undefined, token: string | null): Promise<Response> => {
    if (token === null) return fetch(input, init)
    const headers = new Headers(init?.headers)
    headers.set('authorization', `Bearer ${token}`)
    return fetch(input, { ...init, headers })
  }
  return async (input, given) => {
    const headers = new Headers(given?.headers)
    const owner = headers.get(ownerHeader)
    headers.delete(ownerHeader)
    const init = owner === null ? given : { ...given, headers }
    const checkOwner = (userId: string | null): void => {
      if (owner !== null && owner !== encodeURIComponent(userId ?? '')) throw new OtherUserError()
    }
    const { token, userId } = await tokens.get()
    checkOwner(userId)
    const response = await send(input, init, token)
    if (response.status !== 401 || !tokens.canRenew) return response
    tokens.forget(token)
    const { token: renewed, userId: now } = await tokens.get()
    if (renewed === token) return response
    await response.body?.cancel()
    checkOwner(now)
    return send(input, init, renewed)
  }
}

/** Notices when nothing comes for too long. */
export interface Watchdog {
  /** Something came: the wait begins anew. @param ms - from now on; as before by default */
  feed(ms?: number): void
  /** Looks at the clock now; a timer may have slept with the device. */
  check(): void
  stop(): void
}

/** Creates a watchdog that calls back once, after `ms` without food. */
export function createWatchdog(ms: number, onSilence: () => void): Watchdog {
  let patienceMs = ms
  let fedAt = Date.now()
  let isStopped = false
  let stopTimer: () => void
  const check = (): void => {
    if (isStopped) return
    stopTimer()
    const leftMs = fedAt + patienceMs - Date.now()
    // Moving one timer along is cheaper than setting a new one for each piece that comes.
    if (leftMs > 0) stopTimer = after(leftMs, check)
    else {
      isStopped = true
      onSilence()
    }
  }
  stopTimer = after(ms, check)
  return {
    feed(newMs) {
      fedAt = Date.now()
      if (newMs === undefined || newMs === patienceMs) return
      patienceMs = newMs
      check()
    },
    check,
    stop() {
      isStopped = true
      stopTimer()
    },
  }
}
