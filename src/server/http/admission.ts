import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { TidingsError } from '../../errors.ts'
import { isLimited, type Viewer } from '../../tasks/model/viewer.ts'
import { type Budgets, countFailedToken } from '../connections/budgets.ts'
import type { ServerMetrics } from '../connections/server-metrics.ts'
import { type Work, workOf } from '../connections/work.ts'
import { type Authenticator, isExpired } from '../request/authenticate.ts'
import type { ClientInfo } from '../request/client-address.ts'
import type { ServerContext, WriteAudit } from '../request/context.ts'
import type { MaskError } from '../request/mask.ts'
import { overloadMessage } from '../request/refuse.ts'

/** The refusal of a request: the answer to it. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly retryAfterMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Decides whether a request is served, and authenticates it.
 *
 * @param isUpload - whether it has files
 * @returns the viewer; null for an anonymous caller
 */
export type Admit = (
  headers: IncomingHttpHeaders,
  from: ClientInfo,
  isUpload: boolean,
) => Promise<{ readonly viewer: Viewer | null } | { readonly refusal: Refusal }>

/** Creates the admission of requests. */
export function createAdmission(options: {
  readonly tokens: Authenticator
  readonly budgets: Budgets
  readonly work: Work
  readonly metrics: ServerMetrics
  readonly note: WriteAudit
  readonly maskError: MaskError
  /** Whether the server has more work than it can do: it refuses new requests then. */
  readonly isOverloaded: () => boolean
}): Admit {
  const { tokens, budgets, work, metrics, note, maskError } = options

  const readViewer: Admit = async (headers, from, isUpload) => {
    try {
      const viewer = await tokens.read(headers.authorization, { headers })
      if (viewer === null && isUpload) throw new TidingsError('UNAUTHENTICATED', 'Files are taken only with a token')
      // Checked before files are written to disk: no operation that takes files accepts such a
      // token.
      if (viewer !== null && isLimited(viewer) && isUpload) {
        metrics.refused('token')
        const message = 'Files are not taken with a token that is limited to tasks or sessions'
        note('REFUSED', viewer, from, { reason: 'token', subject: 'http', detail: message })
        return { refusal: { status: 403, code: 'FORBIDDEN', message } }
      }
      return { viewer }
    } catch (error) {
      metrics.refused('token')
      const { message, extensions } = maskError(error)
      const code = String(extensions['code'])
      if (code !== 'UNAUTHENTICATED') return { refusal: { status: 503, code, message } }
      work.record({ network: from.network, userId: null }, workOf.message + workOf.operation)
      const limit = isExpired(error) ? null : await countFailedToken(budgets, headers.authorization, from, 'http')
      if (limit !== null) return { refusal: { status: 429, code: 'RATE_LIMITED', ...limit } }
      note('REFUSED', null, from, { reason: 'token', subject: 'http', detail: message })
      return { refusal: { status: 401, code, message, headers: { 'www-authenticate': 'Bearer' } } }
    }
  }

  /** Refuses a request while its address or viewer makes too much work. */
  const refuseWork = (viewer: Viewer | null, from: ClientInfo): Refusal | null => {
    const limit = work.refuse({ network: from.network, userId: viewer?.userId ?? null })
    if (limit === null) return null
    metrics.refused('work')
    note('LIMITED', viewer, from, { reason: 'work', subject: 'http', detail: limit.message })
    return { status: 429, code: 'RATE_LIMITED', message: limit.message, retryAfterMs: limit.retryAfterMs }
  }

  return async (headers, from, isUpload) => {
    // Only new work is refused: open connections are still served.
    if (options.isOverloaded()) {
      metrics.refused('overload')
      return { refusal: { status: 503, code: 'UNAVAILABLE', message: overloadMessage } }
    }
    // Refusing a request, and checking a token, is work as well. Requests that arrive together would
    // otherwise all be begun in one turn.
    await work.waitForTurn({ network: from.network, userId: null }, workOf.request)
    const earlyRefusal = refuseWork(null, from)
    if (earlyRefusal !== null) return { refusal: earlyRefusal }
    const admission = await readViewer(headers, from, isUpload)
    if ('refusal' in admission) return admission
    const { viewer } = admission
    const refusal = refuseWork(viewer, from)
    if (refusal !== null) return { refusal }
    work.record({ network: from.network, userId: viewer?.userId ?? null }, workOf.message)
    return { viewer }
  }
}

/** Creates the server context of an admitted request. */
export function createServerContext(
  { req, res, viewer, from }: Pick<ServerContext, 'from' | 'req' | 'viewer'> & { readonly res: ServerResponse },
  note: WriteAudit,
): ServerContext {
  let unreadBytes = (): number => 0
  const caughtUp = Promise.withResolvers<void>()
  return {
    req,
    res,
    viewer,
    from,
    cut() {
      note('LIMITED', viewer, from, { reason: 'slow', subject: 'sse', detail: 'Nothing was read for SLOW_READER_MS' })
      res.destroy()
    },
    onStream: (read) => {
      unreadBytes = read
    },
    unreadBytes: () => unreadBytes(),
    onCaughtUp: caughtUp.resolve,
    caughtUp: caughtUp.promise,
  }
}
