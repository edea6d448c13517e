import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

const defaultRetryAfterMs = 5_000
const isTemporary = (status: number): boolean => status === 429 || status === 503
const toSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000))

/** The message to clients that are refused because the server has more work than it can do. */
export const overloadMessage = 'This server is overloaded; try again later'

/** Media type of a GraphQL response: https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types */
export const graphqlResponseType = 'application/graphql-response+json; charset=utf-8'

/**
 * The refusal of WebSockets and event streams with `LIVE_UPDATES=false`. Not 403 or 503: a client
 * takes these for a refusal of the viewer and for a temporary condition; after any other status it
 * falls back to polling.
 */
export const liveUpdatesOff = {
  status: 406,
  code: 'LIVE_UPDATES_OFF',
  message: 'Live updates are turned off on this server (LIVE_UPDATES=false); poll with `extensions: { catchUp: true }`',
} as const

/** Responds with a value as JSON. */
export function answerJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  type = 'application/json; charset=utf-8',
): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(JSON.stringify(value))
}

/** Returns the GraphQL result of a refused request. A temporary refusal (429, 503) is retryable. */
export function describeRefusal(status: number, code: string, message: string): object {
  return { errors: [{ message, extensions: { code, retryable: isTemporary(status) } }] }
}

/**
 * Refuses a request with a GraphQL result, the format that API clients read. The media type and the
 * code show that this server refused it, and not an intermediary.
 *
 * @param retryAfterMs - for a temporary refusal (429, 503): the time to wait; default 5 s
 */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  retryAfterMs = defaultRetryAfterMs,
): void {
  if (isTemporary(status)) response.setHeader('retry-after', toSeconds(retryAfterMs))
  answerJson(response, status, describeRefusal(status, code, message), graphqlResponseType)
}

/**
 * Refuses an upgrade to WebSocket: the client sees a failed connection.
 *
 * @param retryAfterMs - for a temporary refusal (429, 503): the time to wait; default 5 s
 */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  message: string,
  retryAfterMs = defaultRetryAfterMs,
): void {
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: text/plain; charset=utf-8',
      'X-Content-Type-Options: nosniff',
      `Content-Length: ${Buffer.byteLength(message)}`,
      ...(isTemporary(status) ? [`Retry-After: ${toSeconds(retryAfterMs)}`] : []),
      '',
      message,
    ].join('\r\n'),
    () => socket.destroy(),
  )
}
