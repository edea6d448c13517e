import type { IncomingMessage } from 'node:http'

/** Headers that identify the caller and the type of a request. Node uses the first of several. */
const singleHeaders: ReadonlySet<string> = new Set(['host', 'origin', 'authorization', 'content-type'])

/**
 * Returns why the headers of a request are ambiguous, as a message for its sender, or null. A proxy
 * may decide by another one of two equal headers than this server.
 */
export function refuseRepeatedHeader({ rawHeaders }: IncomingMessage): string | null {
  const headerNames = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (!singleHeaders.has(name)) continue
    if (headerNames.has(name)) return `The header "${name}" was sent twice; send it once`
    headerNames.add(name)
  }
  return null
}

const hstsSeconds = 31_536_000

/**
 * Creates the function that returns the security headers of a response: browsers must not guess its
 * type, a page of this server shares no window with pages of other sites, and after a response over
 * HTTPS the browser uses HTTPS only.
 *
 * @param options.siteUrl - the URL of this server in browsers, whose protocol is that of every
 * response
 * @param options.trustProxy - whether `X-Forwarded-Proto` is the protocol otherwise
 */
export function createSecurityHeaders(options: {
  readonly siteUrl: string | undefined
  readonly trustProxy: boolean
}): (request: IncomingMessage) => Readonly<Record<string, string>> {
  const plain = { 'x-content-type-options': 'nosniff', 'cross-origin-opener-policy': 'same-origin' }
  // Without `includeSubDomains`: other hosts of the domain are not this server's concern.
  const secure = { ...plain, 'strict-transport-security': `max-age=${hstsSeconds}` }
  const isSecureSite = options.siteUrl?.startsWith('https:') === true
  return ({ headers }) => {
    const isForwardedSecurely = options.trustProxy && headers['x-forwarded-proto'] === 'https'
    return isSecureSite || isForwardedSecurely ? secure : plain
  }
}
