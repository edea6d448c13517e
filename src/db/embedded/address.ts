import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Account } from './binaries.ts'

/** A socket's path must fit into 104 bytes on macOS, 108 on Linux, with a zero at the end. */
const maxSocketPathBytes = 100
const socketPort = 5432
const temporaryPrefix = 'tidings-socket-'

/** Where a server listens. */
export interface Address {
  /** Host and perhaps port of its URL. */
  readonly host: string
  /** What follows the path of its URL. */
  readonly query: string
  /** The settings of PostgreSQL that make it listen there. */
  readonly settings: Readonly<Record<string, string>>
  /** Clears away what was made for it. */
  readonly release: () => Promise<void>
}

/**
 * Chooses where the server on `cluster` listens: on a Unix socket beside the data, or in a temporary folder when that path
 * cannot be one of a socket; on Windows on a free port of the loopback address.
 */
export async function chooseAddress(cluster: string, account: Account | undefined): Promise<Address> {
  if (process.platform === 'win32') {
    const port = await findFreePort()
    return {
      host: `127.0.0.1:${port}`,
      query: '',
      settings: { listen_addresses: '127.0.0.1', port: String(port) },
      release: async () => undefined,
    }
  }
  const fits = (directory: string) =>
    // PostgreSQL takes a list of folders here, with commas and quotes as its signs.
    !/[",]/.test(directory) && Buffer.byteLength(join(directory, `.s.PGSQL.${socketPort}.lock`)) <= maxSocketPathBytes
  let directory = cluster
  if (!fits(cluster)) {
    const template = join(account === undefined ? tmpdir() : '/tmp', temporaryPrefix)
    directory = await mkdtemp(fits(`${template}123456`) ? template : join('/tmp', temporaryPrefix))
    if (account !== undefined) await chown(directory, account.uid, account.gid)
  }
  return {
    // The name in the URL is never looked up: the `host` behind the question mark wins, in pg as in libpq.
    host: 'localhost',
    query: `?host=${encodeURIComponent(directory)}&port=${socketPort}`,
    settings: { listen_addresses: '', unix_socket_directories: directory, port: String(socketPort) },
    release: async () => {
      if (directory !== cluster) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Removes a folder that was made by {@link chooseAddress} of a process that is gone; leaves every other folder alone. */
export async function removeTemporarySocketDirectory(path: string): Promise<void> {
  if (basename(path).startsWith(temporaryPrefix)) await rm(path, { recursive: true, force: true })
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port of the loopback address is free')
  return address.port
}
