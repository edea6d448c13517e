import type { IncomingHttpHeaders } from 'node:http'
import type { Config } from '../../config.ts'

/**
 * Decides which web pages may call this server. The same decision applies to HTTP and to upgrades
 * to WebSocket.
 */
export interface OriginPolicy {
  /**
   * Returns why a request is refused, as a message for its sender, or null. A request without
   * `Origin` does not come from a web page.
   */
  refuse(headers: IncomingHttpHeaders): { readonly reason: 'host' | 'origin'; readonly message: string } | null
  /**
   * Returns the CORS headers of the response to an accepted request; without `access-control-*`
   * headers for the same origin.
   */
  corsHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>>
}

/** The settings that the decision depends on. */
type OriginConfig = Pick<Config, 'ALLOWED_ORIGINS' | 'TRUST_PROXY'>

const loopbackNames = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** Whether the `Host` of a request is a name of this machine for itself. */
export function isLoopbackHost(host: string | undefined): boolean {
  return loopbackNames.test(host ?? '')
}

/**
 * Creates the policy: allows the server's own origin and those of `ALLOWED_ORIGINS`.
 *
 * @param options.onlyLoopback - true without token verification: requests must then also address
 * the server by a loopback name. Otherwise a page could have its domain name resolve to 127.0.0.1
 * (DNS rebinding), share the origin, and act as the local developer.
 */
export function createOriginPolicy(config: OriginConfig, options: { readonly onlyLoopback: boolean }): OriginPolicy {
  const allowedOrigins = new Set(config.ALLOWED_ORIGINS)
  const hostOf = (headers: IncomingHttpHeaders): string => {
    const forwardedHost = config.TRUST_PROXY ? headers['x-forwarded-host'] : undefined
    const [first] = (Array.isArray(forwardedHost) ? forwardedHost[0] : forwardedHost)?.split(',') ?? []
    return (first ?? headers.host ?? '').trim().toLowerCase()
  }
  const isSame = (origin: string, headers: IncomingHttpHeaders): boolean =>
    URL.canParse(origin) && new URL(origin).host === withoutDefaultPort(hostOf(headers), origin)

  return {
    refuse(headers) {
      const host = hostOf(headers)
      if (options.onlyLoopback && !isLoopbackHost(host))
        return {
          reason: 'host',
          message: `This server has no token secret, so it answers only to localhost, not to "${host}"; set JWT_SECRET or JWKS_URL to serve others`,
        }
      const origin = headers.origin?.toLowerCase()
      // Browsers that omit Origin on such requests at least send these headers.
      if (
        origin === undefined &&
        headers['sec-fetch-site'] === 'cross-site' &&
        headers['sec-fetch-mode'] !== 'navigate'
      )
        return { reason: 'origin', message: 'Other sites may not call this server' }
      if (origin === undefined || allowedOrigins.has(origin) || isSame(origin, headers)) return null
      return {
        reason: 'origin',
        message: `The origin "${origin}" may not call this server; add it to ALLOWED_ORIGINS`,
      }
    },
    corsHeaders(headers) {
      const { origin } = headers
      if (origin === undefined || !allowedOrigins.has(origin.toLowerCase())) return { vary: 'Origin' }
      return {
        vary: 'Origin',
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST, OPTIONS',
        'access-control-allow-headers': 'authorization, content-type, accept',
        'access-control-expose-headers': 'retry-after',
        'access-control-max-age': '600',
      }
    },
  }
}

/**
 * Removes the default port: `Host` may contain the port that an origin omits as the default of its
 * scheme.
 */
function withoutDefaultPort(host: string, origin: string): string {
  const { protocol } = new URL(origin)
  return URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`).host : host
}
