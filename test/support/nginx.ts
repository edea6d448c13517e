import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { renderNginx } from '../../deploy/nginx/render.ts'
import { createTestDirectory } from './directory.ts'
import { findFreePort } from './port.ts'
import { untilOpen } from './until-open.ts'

/**
 * A real nginx with the configuration of `deploy/`, in front of servers of the loopback. Disposing
 * ends it.
 */
export interface TestNginx extends AsyncDisposable {
  readonly url: string
  readonly previewUrl: string
  /**
   * Changes the servers behind it, by their ports, as an operator does: a new file, checked, and a
   * reload.
   */
  setServers(ports: readonly number[], options?: NginxPorts): Promise<void>
  /** Returns its output so far: the access log and its own messages. */
  readLog(): Promise<string>
}

/** Ports of the servers in addition to those of the API. */
export interface NginxPorts {
  /** Where previews are served; default: the port after each server's. */
  readonly previewPorts?: readonly number[]
}

/** Options of a test's nginx. */
export interface NginxOptions extends NginxPorts {
  /** Further parameters of nginx's `listen`, such as `http2`. */
  readonly listenOptions?: string
  /** `MAX_SOCKETS_PER_ADDRESS` of the servers; default: that of the configuration. */
  readonly maxSocketsPerAddress?: number
  /** Whether clients may claim an address by the header `X-Client`. @default false */
  readonly areClaimsTrusted?: boolean
}

/**
 * Starts one on free ports, with all its files in a separate directory.
 *
 * @throws Error with the command that installs nginx when it is missing
 */
export async function startNginx(ports: readonly number[], options: NginxOptions = {}): Promise<TestNginx> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const [port, previewPort] = await Promise.all([findFreePort(), findFreePort()])
  const file = directory.join('nginx.conf')
  const write = async (servers: readonly number[], { previewPorts }: NginxPorts): Promise<void> => {
    const text = await renderNginx({
      servers: servers.map(local),
      ...(previewPorts === undefined ? {} : { previewServers: previewPorts.map(local) }),
      listen: `127.0.0.1:${port} ${options.listenOptions ?? ''}`.trim(),
      previewListen: `127.0.0.1:${previewPort}`,
      runDir: directory.path,
      ...(options.maxSocketsPerAddress === undefined ? {} : { maxSocketsPerAddress: options.maxSocketsPerAddress }),
    })
    const trust = 'http {\n  set_real_ip_from 127.0.0.1;\n  real_ip_header X-Client;\n'
    await writeFile(file, options.areClaimsTrusted === true ? text.replace('http {\n', trust) : text)
  }
  await write(ports, options)

  let output = ''
  const start = (args: readonly string[]): ChildProcess => {
    const child = spawn('nginx', ['-e', 'stderr', '-p', directory.path, '-c', file, ...args], {
      // Sockets, as under systemd; Node's pipes are sockets.
      stdio: ['ignore', 'pipe', 'pipe'],
      // Debian's location, which is not in the path of ordinary users.
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` },
      cwd: directory.path,
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    return child
  }
  const readLog = async (): Promise<string> =>
    output + (await readFile(directory.join('access.log'), 'utf8').catch(() => ''))
  const run = async (args: readonly string[]): Promise<void> => {
    const [code] = (await once(start(args), 'exit')) as [number | null]
    if (code !== 0) throw new Error(`nginx ${args.join(' ')} ended with ${code}:\n${await readLog()}`)
  }

  const nginx = start(['-g', 'daemon off;'])
  await once(nginx, 'spawn').catch((error: unknown) => {
    throw new Error('The tests need a real nginx, and there is none; install it: apt-get install -y nginx', {
      cause: error,
    })
  })
  const exit = once(nginx, 'exit')
  const kill = (): void => void nginx.kill('SIGKILL')
  process.once('exit', kill)
  stack.defer(async () => {
    process.removeListener('exit', kill)
    nginx.kill('SIGTERM')
    await exit
  })
  await Promise.race([
    untilOpen(port),
    exit.then(async () => {
      throw new Error(`nginx did not start:\n${await readLog()}`)
    }),
  ])
  const opened = stack.move()
  return {
    url: `http://127.0.0.1:${port}`,
    previewUrl: `http://127.0.0.1:${previewPort}`,
    readLog,
    async setServers(servers, more = {}) {
      await write(servers, more)
      await run(['-t', '-q'])
      await run(['-s', 'reload'])
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function local(port: number): string {
  return `127.0.0.1:${port}`
}
