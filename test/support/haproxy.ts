import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createTestDirectory } from './directory.ts'
import { findFreePort } from './port.ts'
import { untilOpen } from './until-open.ts'

/**
 * Starts a real HAProxy with the configuration of `deploy/`, in front of servers of the loopback. Disposing ends it.
 *
 * @param ports - of the servers
 * @throws Error with the command that installs HAProxy when it is missing
 */
export async function startHaproxy(ports: readonly number[]): Promise<AsyncDisposable & { readonly url: string }> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const port = await findFreePort()
  const text = await readFile(new URL('../../deploy/haproxy/haproxy.cfg', import.meta.url), 'utf8')
  const servers = ports.map((server, index) => `  server server-${index + 1} 127.0.0.1:${server}\n`)
  const file = directory.join('haproxy.cfg')
  await writeFile(
    file,
    text
      .replace('bind :80', `bind 127.0.0.1:${port}`)
      // Two files for each, and no more than the limit of a test machine.
      .replace('maxconn 20000', 'maxconn 2000')
      .replaceAll(/^ {2}server .*\n/gm, '') + servers.join(''),
  )
  const haproxy = spawn('haproxy', ['-db', '-f', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // Debian's location, which is not in the path of ordinary users.
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  })
  await once(haproxy, 'spawn').catch((error: unknown) => {
    throw new Error('There is no haproxy; install it: apt-get install -y haproxy', { cause: error })
  })
  const exited = once(haproxy, 'exit')
  stack.defer(async () => {
    haproxy.kill('SIGKILL')
    await exited
  })
  await Promise.race([
    untilOpen(port),
    exited.then(() => {
      throw new Error('haproxy ended: its configuration is invalid')
    }),
  ])
  const opened = stack.move()
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
