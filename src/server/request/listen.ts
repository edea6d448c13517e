import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TidingsError } from '../../errors.ts'

/** The address to listen on, and the error to throw on failure. */
interface ListenOptions {
  readonly host: string
  /** The port; 0 takes a free one. */
  readonly port: number
  /** The setting that contains the port, such as `PORT`. */
  readonly setting: string
  /** The beginning of the error message: `The server cannot listen`. */
  readonly failure: string
}

/**
 * Starts listening.
 * @returns the actual port
 * @throws TidingsError `BAD_CONFIGURATION` on failure, with the setting to change
 */
export async function listen(server: Server, { host, port, setting, failure }: ListenOptions): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE'
        ? `the port ${port} is in use; end what uses it, or set ${setting} to another one (0 takes a free one)`
        : code === 'EACCES'
          ? `the port ${port} may not be used by this user; set ${setting} to one above 1023`
          : `${(error as Error).message}; correct HOST or ${setting}`
    throw new TidingsError('BAD_CONFIGURATION', `${failure} on ${host}: ${why}`, {}, { cause: error })
  }
  return (server.address() as AddressInfo).port
}

/** Formats a host for a URL. */
export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
