import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Account } from './binaries.ts'

/**
 * The path of a socket is limited to 104 bytes on macOS and 108 on Linux, including a terminating
 * zero.
 */
const maxSocketPathBytes = 100
const socketPort = 5432
const temporaryPrefix = 'tidings-socket-'

/** The address a server listens on. */
interface Address {
  /** Host and optional port of the URL. */
  readonly host: string
  /** The query of the URL, after its path. */
  readonly query: string
  /** The PostgreSQL settings that make the server listen there. */
  readonly settings: Readonly<Record<string, string>>
  /** Removes the files created for the address. */
  readonly release: () => Promise<void>
}

/**
 * Chooses the address of the server on `cluster`: a Unix socket next to the data, or in a temporary
 * folder when that path is unsuitable for a socket; on Windows a free port of the loopback address.
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
    // PostgreSQL parses this setting as a list of folders, with commas and quotes as syntax.
    !/[",]/.test(directory) && Buffer.byteLength(join(directory, `.s.PGSQL.${socketPort}.lock`)) <= maxSocketPathBytes
  let directory = cluster
  if (!fits(cluster)) {
    const template = join(account === undefined ? tmpdir() : '/tmp', temporaryPrefix)
    directory = await mkdtemp(fits(`${template}123456`) ? template : join('/tmp', temporaryPrefix))
    if (account !== undefined) await chown(directory, account.uid, account.gid)
  }
  return {
    // The host name in the URL is never resolved: the `host` query parameter wins, in pg as in
    // libpq.
    host: 'localhost',
    query: `?host=${encodeURIComponent(directory)}&port=${socketPort}`,
    settings: { listen_addresses: '', unix_socket_directories: directory, port: String(socketPort) },
    release: async () => {
      if (directory !== cluster) await rm(directory, { recursive: true, force: true })
    },
  }
}

/**
 * Removes a folder created by {@link chooseAddress} in a process that has exited; ignores all other
 * folders.
 */
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
