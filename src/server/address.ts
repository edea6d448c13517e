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

/** Whether an address is of this machine. */
export function isLoopback(address: string): boolean {
  return /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/.test(address)
}

/** The id under which a request is logged: what a balancer in front has named it (`X-Request-Id`), or a new one. */
export function readRequestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID()
}
