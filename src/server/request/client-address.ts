import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Config } from '../../config.ts'
import { canonicalAddress, networkOf } from '../../network.ts'

/**
 * Returns the address of the client: the remote address of the connection, or behind a trusted
 * proxy the last entry of `X-Forwarded-For`, which that proxy added. Earlier entries are claims of
 * the client.
 */
function readAddress(request: IncomingMessage, { TRUST_PROXY }: Pick<Config, 'TRUST_PROXY'>): string {
  const header = TRUST_PROXY ? request.headers['x-forwarded-for'] : undefined
  const forwardedAddress = (Array.isArray(header) ? header.join(',') : header)?.split(',').at(-1)?.trim()
  return canonicalAddress(forwardedAddress || request.socket.remoteAddress || 'unknown')
}

/**
 * The address and the user agent of a client, as they are recorded. The user agent is a claim of
 * the client, cut to 300 characters.
 */
export interface ClientInfo {
  readonly address: string
  /** The address that the limits per address count: see {@link networkOf}. */
  readonly network: string
  readonly userAgent: string | null
}

/** Reads the address and the user agent of a request. */
export function readClientInfo(request: IncomingMessage, config: Pick<Config, 'TRUST_PROXY'>): ClientInfo {
  const address = readAddress(request, config)
  return {
    address,
    network: networkOf(address),
    userAgent: request.headers['user-agent']?.slice(0, maxUserAgentChars) ?? null,
  }
}

const maxUserAgentChars = 300

/** Whether an address is a loopback address. */
export function isLoopback(address: string): boolean {
  return /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(address)
}

/**
 * Returns the id under which a request is logged: the `X-Request-Id` set by a load balancer, or a
 * new one.
 */
export function readRequestId(request: IncomingMessage): string {
  const requestId = request.headers['x-request-id']
  return typeof requestId === 'string' && /^[\w.:-]{1,100}$/.test(requestId) ? requestId : randomUUID()
}
