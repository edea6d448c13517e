import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { isUnavailable } from '../request/mask.ts'
import { readAccept } from '../sse/sse.ts'

/**
 * Responds with status 503 or 429 and `Retry-After` when no part of an operation could be executed
 * because the server is unavailable or a limit is reached: load balancers and generic clients read these, and not
 * `errors[].extensions`. A partial response keeps its status.
 */
export function createUnavailablePlugin(): Plugin {
  return {
    onResultProcess({ request, result, setResult }) {
      if (Array.isArray(result) || isAsyncIterable(result)) return
      const { stream, json } = readAccept(request.headers.get('accept'))
      // The status of an event stream is always 200.
      if (stream && !json) return
      const executed = result as ExecutionResult
      const isLimited = executed.errors?.some(({ extensions }) => extensions['code'] === 'RATE_LIMITED') === true
      if (!(isUnavailable(executed) || isLimited) || Object.values(executed.data ?? {}).some((value) => value !== null))
        return
      const waits = (executed.errors ?? []).map(({ extensions }) => Number(extensions['retryAfterMs'] ?? 0))
      const seconds = Math.max(1, Math.ceil(Math.max(...waits) / 1_000))
      const http = { status: isLimited ? 429 : 503, headers: { 'retry-after': String(seconds) } }
      setResult({ ...executed, extensions: { ...executed.extensions, http } })
    },
  }
}
