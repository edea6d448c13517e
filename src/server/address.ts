import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Config } from '../config.ts'

/**
 * The address of the client: of the other end of the connection, or behind a trusted proxy the last one in
 * `X-Forwarded-For`, which is the one that proxy has seen. Those before it are what the client claims.
 */
export function readAddress(request: IncomingMessage, { TRUST_PROXY }: Pick<Config, 'TRUST_PROXY'>): string {
  const header = TRUST_PROXY ? request.headers['x-forwarded-for'] : undefined
  const forwarded = (Array.isArray(header) ? header.join(',') : header)?.split(',').at(-1)?.trim()
  const address = forwarded || request.socket.remoteAddress || 'unknown'
  return address.replace(/^::ffff:(?=\d+\.)/, '')
}

/** From where a request comes, as it is written down. The user agent is what the client claims, cut to 300 characters. */
export interface Whence {
  readonly address: string
  readonly userAgent: string | null
}

/** Reads where a request comes from. */
export function readWhence(request: IncomingMessage, config: Pick<Config, 'TRUST_PROXY'>): Whence {
  return {
    address: readAddress(request, config),
    userAgent: request.headers['user-agent']?.slice(0, maxUserAgentChars) ?? null,
  }
}

const maxUserAgentChars = 300

/** Whether an address is of this machine. */
export function isLoopback(address: string): boolean {
  return /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(address)
}

/** The id under which a request is logged: what a balancer in front has named it (`X-Request-Id`), or a new one. */
export function readRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID()
}
