import type { CombinedError } from '@urql/core'
import { after } from '../base/environment.ts'
import type { Timing } from '../base/timing.ts'
import type { Tokens } from '../base/tokens.ts'
import type { ConnectionListener, StreamResult } from './transport.ts'

/** Sends requests: the global `fetch` or a function that behaves like it. */
export type Fetch = typeof globalThis.fetch

/** Options that every request needs. */
export interface HttpOptions {
  readonly url: string
  readonly fetch: Fetch
  readonly timing: Timing
}

/** Posts one operation or several. @param accept - the media type of the wanted response */
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
 * Reads the error code of a GraphQL response. Only the server responds with
 * `application/graphql-response+json` and a code; firewalls, captive portals and gateways respond
 * with pages or JSON of their own.
 *
 * @returns null for every other response
 */
export async function readErrorCode(response: Response): Promise<string | null> {
  if (!isGraphqlResponse(response.headers)) return null
  try {
    const { errors } = (await response.json()) as StreamResult
    const code = errors?.[0]?.extensions?.['code']
    return typeof code === 'string' ? code : null
  } catch {
    // Truncated, or not JSON despite its content type: unusable.
    return null
  }
}

/**
 * Reports the meaning of an unsuccessful status to the listener of a connection. A 401 or 403 is
 * final only when the server itself sent it; an intermediary that sent it may let the next request
 * through.
 *
 * @param code - the result of {@link readErrorCode}
 */
export function reportStatus({ status, headers }: Response, code: string | null, listener: ConnectionListener): void {
  if (status === 401 && code !== null) listener.expired('The server does not accept the token (401)')
  else if (status === 403 && code !== null) listener.refused('The server refuses this client (403)')
  else if (status === 401 || status === 403)
    listener.lost('failed', `Something between this device and the server answered with status ${status}`)
  else if (status === 429) {
    const reason = 'The server has too many connections or requests of this client (429)'
    listener.lost('busy', reason, 1_000 * Number(headers.get('retry-after')))
  } else if (status === 503) listener.lost('busy', 'The server cannot serve now (503)')
  else listener.lost('failed', `The server answered with status ${status}`)
}

/**
 * Checks with one small request whether the server can be reached at all. Every response counts,
 * even a refusal, except that of a proxy that finds no server and of a server that cannot serve
 * now.
 *
 * @returns null when the server can be reached, otherwise the reason why not
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

/** Returns the message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Client errors other than 401 and 403 that are temporary when an intermediary responds with them.
 */
const passingStatuses: readonly number[] = [407, 408, 425, 429]

/**
 * Whether a response was lost or never existed: the connection broke before or within it, or only
 * an intermediary responded, such as a proxy that found no server. Refusals by the server itself
 * are GraphQL errors, not network errors.
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

/**
 * Whether the response was lost, or the server reported that it cannot answer now. The same request
 * may succeed later.
 */
export function isUnanswered(error: CombinedError): boolean {
  return isLost(error) || error.graphQLErrors.some(({ extensions }) => awayCodes.includes(extensions?.['code']))
}

/** Thrown when a mutation was not sent; the message gives the reason. */
export class NotSentError extends Error {
  override readonly name: string = 'NotSentError'
}

/** Thrown when a mutation was made by another user than the one signed in now. */
export class OtherUserError extends NotSentError {
  override readonly name = 'OtherUserError'

  constructor() {
    super('It was made by another user, and waits for that one to come back')
  }
}

/** Carries the user of a request within the client; it is never sent. */
const ownerHeader = 'x-tidings-owner'

/**
 * Binds a request to one user: it fails with an {@link OtherUserError} instead of being sent with
 * another user's token.
 *
 * @param userOf - called when the request is sent. While it returns undefined (user not known yet),
 * the request is not bound
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
 * Wraps `fetch` so that every request carries the token, is sent once more with a new token when
 * the server rejects the old one as expired, and fails when no response has begun within
 * `requestMs`. Uploads have no time limit.
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
  return async (input, requestInit) => {
    const headers = new Headers(requestInit?.headers)
    const owner = headers.get(ownerHeader)
    headers.delete(ownerHeader)
    const init = owner === null ? requestInit : { ...requestInit, headers }
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

/** Detects silence that lasts too long. */
interface Watchdog {
  /**
   * Restarts the wait, as something arrived. @param ms - the wait from now on. @default unchanged
   */
  feed(ms?: number): void
  /** Compares with the clock now, as a timer may have slept with the device. */
  check(): void
  stop(): void
}

/** Creates a watchdog that calls `onSilence` once, after `ms` milliseconds without `feed()`. */
export function createWatchdog(ms: number, onSilence: () => void): Watchdog {
  let patienceMs = ms
  let fedAt = Date.now()
  let isStopped = false
  let stopTimer: () => void
  const check = (): void => {
    if (isStopped) return
    stopTimer()
    const leftMs = fedAt + patienceMs - Date.now()
    // Moving one timer along is cheaper than starting a new one for each chunk that arrives.
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

/**
 * Returns the reason of an error, in the server's wording where it gave one; null when there is no
 * error.
 * @example
 * const { task, error } = useTask(id)
 * if (error !== null) return <p role="alert">{describeError(error)}</p>
 */
export function describeError(error: CombinedError): string
export function describeError(error: CombinedError | null | undefined): string | null
export function describeError(error: CombinedError | null | undefined): string | null {
  if (error === null || error === undefined) return null
  const { graphQLErrors, networkError, message } = error
  const [graphQLError] = graphQLErrors
  if (graphQLError !== undefined) return graphQLError.message
  if (networkError === undefined) return message
  if (networkError instanceof NotSentError) return networkError.message
  return `${isLost(error) ? 'The server cannot be reached' : 'The server refuses this'}: ${networkError.message}`
}
