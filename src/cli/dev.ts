import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { watch } from 'chokidar'
import { TidingsError } from '../errors.ts'
import { findModule } from './load-tidings.ts'
import type { Command } from './usage.ts'

// The names of these files end in .js in the package.
const serverFile = fileURLToPath(
  import.meta.resolve(import.meta.url.endsWith('.ts') ? './dev-server.ts' : './dev-server.js'),
)

/** Sources of the API; what else a directory may contain does not start it again: pages, generated files, data, packages. */
const sourceFile = /(?<!\.gen)\.[cm]?[jt]s$|\.json$|\.env$/
const otherDirectory = /(^|[/\\])(node_modules|dist|build|coverage|\.[^./\\][^/\\]*)$/
/** Editors and formatters write a file several times in a row. */
const settleMs = 100

/**
 * Runs `tidings dev`: a process that serves the API and runs tasks, started again when a source in the directory changes, and the
 * page of the directory, if it has an `index.html` and vite.
 */
export async function runDev({ file, port, host }: Command): Promise<void> {
  const path = findModule(file)
  const page = existsSync('index.html') ? await servePage({ port, host }) : undefined
  const address = page === undefined ? { port, host } : { port: page.apiPort, host: '127.0.0.1' }
  const server = createRestarted([serverFile, path, String(address.port), address.host, ...(page ? [page.url] : [])])
  const watcher = watch('.', {
    ignoreInitial: true,
    ignored: (name, stats) => otherDirectory.test(name) || (stats?.isFile() === true && !sourceFile.test(name)),
  })
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', (_event, name) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      process.stdout.write(`\n${name} has changed\n`)
      void server.restart()
    }, settleMs)
  })
  const stop = async (): Promise<void> => {
    clearTimeout(timer)
    await Promise.all([watcher.close(), server.stop(), page?.close()])
    process.exit(0)
  }
  // That of vite ends the process as soon as vite is closed.
  process.removeAllListeners('SIGTERM')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop())
  await server.restart()
}

/** A process that is started again. */
interface Restarted {
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Creates a process of Node that is started by `restart`, which first ends the one before. */
function createRestarted(args: readonly string[]): Restarted {
  let child: ChildProcess | undefined
  /** Restarts during one follow it. */
  let queue = Promise.resolve()
  const end = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    queue = queue.then(work)
    return queue
  }
  return {
    restart: () =>
      inTurn(async () => {
        await end()
        child = spawn(process.execPath, args, { stdio: 'inherit' })
        child.once('exit', (code) => {
          if (code !== 0 && code !== null) process.stdout.write('\nIt starts again when a file changes\n')
        })
      }),
    stop: () => inTurn(end),
  }
}

/** A page that vite serves. */
interface Page {
  readonly url: string
  /** The port to which it forwards requests of the API. */
  readonly apiPort: number
  close(): Promise<void>
}

/** Serves the page of the current directory. @returns undefined without vite */
async function servePage({ port, host }: Pick<Command, 'port' | 'host'>): Promise<Page | undefined> {
  const vite = await import('vite').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    process.stdout.write('Without vite, index.html is not served; install it with: npm install --save-dev vite\n')
  })
  if (vite === undefined) return undefined
  const apiPort = await selectPort()
  const logger = vite.createLogger('warn')
  const target = `http://127.0.0.1:${apiPort}`
  const server = await vite.createServer({
    clearScreen: false,
    customLogger: {
      ...logger,
      // The API starts again after each change; clients reconnect meanwhile.
      error: (message, options) => (message.includes('proxy error') ? undefined : logger.error(message, options)),
    },
    server: {
      port,
      host,
      strictPort: port !== 0,
      proxy: { '/graphql': { target, ws: true }, '/health': target },
    },
  })
  try {
    await server.listen()
  } catch (error) {
    await server.close()
    throw new TidingsError('BAD_CONFIGURATION', `The page cannot be served: ${(error as Error).message}`)
  }
  const [url = ''] = server.resolvedUrls?.local ?? []
  return { url: url.replace(/\/$/, ''), apiPort, close: () => server.close() }
}

async function selectPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('A server on an address has a port')
  return address.port
}
