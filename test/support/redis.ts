import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { findFreePort } from './port.ts'

/** A real redis-server for one test. Disposing ends it. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /**
   * Sends one command: `await redis.cli('PUBSUB', 'NUMSUB', 'x')`. Rejects while the server is
   * stopped.
   */
  cli(command: string, ...args: readonly (string | number)[]): Promise<unknown>
  /**
   * Stops the server at once, without persisting anything. Does nothing when it is stopped already.
   */
  stop(): Promise<void>
  /** Starts it again on the same port, empty; resolves when it responds. */
  start(): Promise<void>
  /** {@link TestRedis.stop}, then {@link TestRedis.start}. */
  restart(): Promise<void>
}

/**
 * Starts a redis-server on a free port of the loopback address, without persistence.
 *
 * @throws Error with the command that installs redis-server when it is missing
 */
export async function startRedis(): Promise<TestRedis> {
  const port = await findFreePort()
  let child: ChildProcess | undefined
  const kill = () => {
    child?.kill('SIGKILL')
  }
  process.once('exit', kill)
  const cli = async (command: string, ...args: readonly (string | number)[]) => {
    const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.call(command, ...args)
    } finally {
      client.disconnect()
    }
  }
  const start = async () => {
    if (child !== undefined) return
    const server = spawn(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' },
    )
    await once(server, 'spawn').catch((error: unknown) => {
      throw new Error(
        'The tests need a real redis-server, and there is none; install it: apt-get install -y redis-server',
        { cause: error },
      )
    })
    child = server
    let log = ''
    // Its log shows when it is ready; polling would add connections to those that tests count.
    await new Promise<void>((resolve, reject) => {
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        log += text
        if (log.includes('Ready to accept connections')) resolve()
      })
      server.once('exit', () => reject(new Error(`redis-server did not start on port ${port}:\n${log}`)))
    })
    server.stdout.removeAllListeners('data').resume()
  }
  const stop = async () => {
    const server = child
    child = undefined
    if (server === undefined || server.exitCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL')
    await exit
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    cli,
    start,
    stop,
    restart: async () => {
      await stop()
      await start()
    },
    [Symbol.asyncDispose]: async () => {
      process.removeListener('exit', kill)
      await stop()
    },
  }
}
