import OpenAI from 'openai'
import { ContentError } from './provider.ts'

/**
 * Tells what went wrong at an OpenAI-compatible endpoint.
 *
 * | what happened | code | retryable |
 * |---|---|---|
 * | 401, 403 | `PROVIDER_REFUSED` | no |
 * | 429 | `PROVIDER_BUSY`, with `retryAfterMs` when the endpoint says so | yes |
 * | 429 because the account has no quota left | `PROVIDER_REFUSED` | no |
 * | 408, 409, 425, 5xx, no connection, cut or malformed stream | `PROVIDER_UNAVAILABLE` | yes |
 * | its content filter | `CONTENT_REFUSED` | no |
 * | any other 4xx: model or request not accepted | `PROVIDER_REFUSED` | no |
 *
 * @param error - whatever asking or reading threw; a ContentError stays as it is
 */
export function toContentError(error: unknown, baseUrl: string): ContentError {
  if (error instanceof ContentError) return error
  const cause = { cause: error }
  const status = error instanceof OpenAI.APIError ? (error.status as number | undefined) : undefined
  const code = error instanceof OpenAI.APIError ? error.code : undefined
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
  const headers = error instanceof OpenAI.APIError ? (error.headers as Headers | undefined) : undefined
  const inMs = Number.parseFloat(headers?.get('retry-after-ms') ?? '')
  if (Number.isFinite(inMs)) return Math.max(0, inMs)
  const text = headers?.get('retry-after') ?? ''
  const inSeconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number.parseFloat(text) : Number.NaN
  if (Number.isFinite(inSeconds)) return inSeconds * 1_000
  const at = Date.parse(text)
  return Number.isFinite(at) ? Math.max(0, at - Date.now()) : undefined
}
