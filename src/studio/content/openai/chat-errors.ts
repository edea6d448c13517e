import { ContentError } from '../provider.ts'

/** A failure reported by an endpoint, as the status of its response or as an event of its stream. */
class EndpointError extends Error {
  override readonly name = 'EndpointError'
  readonly status: number | undefined
  readonly code: string | undefined
  readonly headers: Headers | undefined

  constructor(message: string, status: number | undefined, code?: string, headers?: Headers) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

const maxMessageCharacters = 300

/** Creates the error for a response with a status other than 2xx. Its body may be JSON, HTML or anything else. */
export function toEndpointError({ status, statusText, headers }: Response, body: string): Error {
  let failure: unknown
  try {
    const parsed = JSON.parse(body) as unknown
    failure = fieldOf(parsed, 'error') ?? parsed
  } catch {
    failure = body.trimStart().startsWith('<') ? statusText : body
  }
  const { message, code } = describeFailure(failure)
  return new EndpointError(message === '' ? statusText : message, status, code, headers)
}

/** Creates the error for an event `{ error }` of a stream with status 200. */
export function toStreamError(failure: unknown): Error {
  const { message, code } = describeFailure(failure)
  // Gateways put the status of the upstream service here.
  const status = Number(code)
  return new EndpointError(message, status >= 400 && status < 600 ? status : undefined, code)
}

function describeFailure(failure: unknown): { readonly message: string; readonly code: string | undefined } {
  const text = typeof failure === 'string' ? failure : fieldOf(failure, 'message')
  const code = fieldOf(failure, 'code') ?? fieldOf(failure, 'type')
  return {
    message: (typeof text === 'string' ? text : '').trim().slice(0, maxMessageCharacters),
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : undefined,
  }
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/**
 * Maps a failure at an OpenAI-compatible endpoint to a ContentError.
 *
 * | failure | code | retryable |
 * |---|---|---|
 * | 401, 403 | `PROVIDER_REFUSED` | no |
 * | 429 | `PROVIDER_BUSY`, with `retryAfterMs` when the endpoint sends it | yes |
 * | 429 because the account's quota is exhausted | `PROVIDER_REFUSED` | no |
 * | 408, 409, 425, 5xx, no connection, aborted or malformed stream | `PROVIDER_UNAVAILABLE` | yes |
 * | its content filter | `CONTENT_REFUSED` | no |
 * | an HTML page instead of an answer, with status 200 | `PROVIDER_REFUSED` | no |
 * | any other 4xx: model or request not accepted | `PROVIDER_REFUSED` | no |
 *
 * @param error - anything thrown while requesting or reading; a ContentError is returned
 * unchanged
 */
export function toContentError(error: unknown, baseUrl: string): ContentError {
  if (error instanceof ContentError) return error
  const cause = { cause: error }
  const { status, code } = error instanceof EndpointError ? error : {}
  if (code === 'content_filter' || code === 'content_policy_violation')
    return new ContentError(
      'CONTENT_REFUSED',
      'The provider’s content filter stopped this',
      { retryable: false, advice: 'Change the text of this concept, or use another model.' },
      cause,
    )
  if (status === 401 || status === 403)
    return new ContentError(
      'PROVIDER_REFUSED',
      `The provider at ${baseUrl} answers ${status}: it does not accept our key`,
      { retryable: false, advice: 'Check OPENAI_API_KEY.' },
      cause,
    )
  if (code === 'insufficient_quota')
    return new ContentError(
      'PROVIDER_REFUSED',
      `The account at ${baseUrl} has no quota left`,
      { retryable: false, advice: 'Check the plan and the billing of the account that OPENAI_API_KEY belongs to.' },
      cause,
    )
  if (status === 429)
    return new ContentError(
      'PROVIDER_BUSY',
      `The provider at ${baseUrl} answers 429: too many requests`,
      { retryable: true, advice: 'Nothing to do: it is asked again later.', retryAfterMs: retryAfterMs(error) },
      cause,
    )
  const isRefused = status !== undefined && status >= 400 && status < 500 && ![408, 409, 425].includes(status)
  if (isRefused)
    return new ContentError(
      'PROVIDER_REFUSED',
      `The provider at ${baseUrl} answers ${status}: ${messageOf(error)}`,
      { retryable: false, advice: 'Check OPENAI_MODEL and OPENAI_BASE_URL.' },
      cause,
    )
  return new ContentError(
    'PROVIDER_UNAVAILABLE',
    status === undefined
      ? `The provider at ${baseUrl} cannot be reached or broke off: ${messageOf(error)}`
      : `The provider at ${baseUrl} answers ${status}`,
    {
      retryable: true,
      advice: 'Wait a little; if it lasts, check OPENAI_BASE_URL.',
      retryAfterMs: retryAfterMs(error),
    },
    cause,
  )
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function retryAfterMs(error: unknown): number | undefined {
  const headers = error instanceof EndpointError ? error.headers : undefined
  const inMs = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  if (Number.isFinite(inMs)) return Math.max(0, inMs)
  const text = headers?.get('retry-after') ?? ''
  const inSeconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number.parseFloat(text) : Number.NaN
  if (Number.isFinite(inSeconds)) return inSeconds * 1_000
  const at = Date.parse(text)
  return Number.isFinite(at) ? Math.max(0, at - Date.now()) : undefined
}
