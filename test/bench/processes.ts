import { type ChildProcess, spawn } from 'node:child_process'
import { readProcessCpuMs } from './processor-time.ts'
import type { LoadCommand, LoadReport, ServerCommand, ServerReport } from './protocol.ts'

/** A child process of the benchmark: a server, or the load generator. Disposing ends it. */
export interface Child<C, R extends { readonly is: string }> extends AsyncDisposable {
  readonly pid: number
  send(command: C): void
  /** Sends a command and waits for the report of this kind. */
  ask<K extends R['is']>(command: C, kind: K): Promise<R & { readonly is: K }>
  next<K extends R['is']>(kind: K): Promise<R & { readonly is: K }>
  /** Calls back with every report of this kind. */
  on<K extends R['is']>(kind: K, listener: (report: R & { readonly is: K }) => void): () => void
}

/** A server under test. */
export type ServerChild = Child<ServerCommand, ServerReport>
/** The load generator. */
export type LoadChild = Child<LoadCommand, LoadReport>

/** Starts a file of this folder in a separate process, with a high limit of sockets. */
function start<C extends object, R extends { readonly is: string }>(
  file: string,
  environment: Readonly<Record<string, string>>,
): Child<C, R> {
  // Each socket is a file; the usual limit of 1,024 would end the run.
  const limit = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"'
  const child: ChildProcess = spawn(
    'sh',
    ['-c', limit, process.execPath, '--expose-gc', new URL(file, import.meta.url).pathname],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, NODE_ENV: 'production', ...environment } },
  )
  const listeners = new Set<(report: R) => void>()
  let failure: Error | undefined
  const failed = new Set<(error: Error) => void>()
  child.on('message', (report) => {
    for (const listener of listeners) listener(report as R)
  })
  child.once('exit', (code, signal) => {
    failure = new Error(`${file} ended with ${code ?? signal}`)
    for (const fail of failed) fail(failure)
  })
  const on = <K extends R['is']>(kind: K, listener: (report: R & { readonly is: K }) => void): (() => void) => {
    const heard = (report: R): void => {
      if (report.is === kind) listener(report as R & { readonly is: K })
    }
    listeners.add(heard)
    return () => listeners.delete(heard)
  }
  const next = <K extends R['is']>(kind: K): Promise<R & { readonly is: K }> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure)
      failed.add(reject)
      const stop = on(kind, (report) => {
        stop()
        failed.delete(reject)
        resolve(report)
      })
    })
  return {
    pid: child.pid ?? 0,
    on,
    next,
    send: (command) => void child.send(command),
    ask: (command, kind) => {
      const answer = next(kind)
      child.send(command)
      return answer
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exit
      clearTimeout(killer)
    },
  }
}

/** Starts a server and waits until it listens. */
export async function startServerChild(
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly server: ServerChild; readonly port: number; readonly tasks: readonly string[] | undefined }> {
  const server: ServerChild = start(file, environment)
  const { port, tasks } = await server.next('ready')
  return { server, port, tasks }
}

/** Returns the processor time used by a server, in milliseconds. */
export async function readCpuMs(server: ServerChild): Promise<number> {
  return (await readProcessCpuMs(server.pid)) ?? (await server.ask({ is: 'cpu' }, 'cpu')).ms
}

/** Starts the load generator. */
export function startLoadChild(): LoadChild {
  return start('load.ts', {})
}
