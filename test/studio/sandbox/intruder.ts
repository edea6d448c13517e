/** Runs in a sandbox and tries what a hostile document might: `sandbox.test.ts` starts it. */
import { spawnSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { watchProcess } from '../../../src/studio/sandbox/watchdog.ts'

/** The targets of the attempts. */
export interface IntruderRequest {
  readonly files: readonly string[]
  readonly folders: readonly string[]
  readonly writable: string
  readonly port: number
}

/** What the process could do: the content or result of each successful attempt, or the error's code. */
export type IntruderReport = Readonly<Record<string, string>>

function attempt(act: () => unknown): string {
  try {
    return `did: ${String(act()).slice(0, 200)}`
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

function dial(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve('did: connected')
    })
    socket.once('error', (error) => resolve(codeOf(error)))
  })
}

async function report({ files, folders, writable, port }: IntruderRequest): Promise<IntruderReport> {
  return {
    ...Object.fromEntries(files.map((path) => [path, attempt(() => readFileSync(path, 'utf8'))])),
    ...Object.fromEntries(folders.map((path) => [path, attempt(() => readdirSync(path))])),
    write: attempt(() => writeFileSync(writable, 'x')),
    program: attempt(() => spawnSync('/bin/true').error ?? 'started'),
    addon: attempt(() => process.dlopen({ exports: {} }, '/nowhere.node')),
    network: await dial(port),
    name: await lookup('localhost').then(({ address }) => `did: ${address}`, codeOf),
    interfaces: Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => address)
      .join(' '),
    environment: Object.keys(process.env).join(' '),
    user: String(process.getuid?.()),
    groups: (process.getgroups?.() ?? []).join(' '),
    parent: attempt(() => process.kill(process.ppid, 0)),
  }
}

watchProcess({ maxMemoryBytes: 1_073_741_824 })
process.once('message', (request: IntruderRequest) => {
  void report(request).then((done) => process.send?.(done, () => process.disconnect()))
})
