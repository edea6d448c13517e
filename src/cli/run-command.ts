import { readFile, writeFile } from 'node:fs/promises'
import { isTidingsError, TidingsError } from '../errors.ts'
import type { Tidings } from '../library/create-tidings.ts'
import { createLogger } from '../logger.ts'
import { hostInUrl } from '../server/request/listen.ts'
import { endInOrder } from '../signals.ts'
import { runDev } from './dev.ts'
import { findModule, loadTidings } from './load-tidings.ts'
import { type CheckResult, printCheck, runSelfTest } from './selftest.ts'
import { type Command, readCommand, usage } from './usage.ts'

/** The limit of a graceful shutdown in milliseconds; the next start cleans up after one that exceeds it. */
const shutDownMs = 12_000

/**
 * Runs a command line of `tidings`.
 *
 * Exit codes: 0 after success and after a graceful shutdown, 1 for a failure.
 *
 * @param args - the arguments after the name of the program
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  try {
    const command = readCommand(args)
    if (command === 'help') return void process.stdout.write(usage)
    if (command === 'version') return void process.stdout.write(`${await readVersion()}\n`)
    await commands[command.name](command)
  } catch (error) {
    process.exitCode = 1
    // A failure of the team's module is shown with its stack.
    process.stderr.write(isTidingsError(error) ? `${error.message}\n${hintOf(error)}` : `${describe(error)}\n`)
    // Parts that were opened before the failure would keep the process alive.
    process.exit()
  }
}

const commands: Readonly<Record<Command['name'], (command: Command) => Promise<void>>> = {
  dev: runDev,
  async start({ file, port, host, worker }) {
    const tidings = await open(file)
    const { url, wsUrl } = await tidings.listen({ port, host, worker })
    process.stdout.write(
      `Tidings is ready\n\n  GraphiQL   ${url}/graphql\n  WebSocket  ${wsUrl}\n  Health     ${url}/health/ready\n\nCtrl-C ends it.\n`,
    )
  },
  async worker({ file, port: healthPort, hasPort, host }) {
    const tidings = await open(file)
    const { port } = await tidings.worker(hasPort ? { port: healthPort, host } : {})
    process.stdout.write(
      `The worker is ready${port === null ? '' : `: http://${hostInUrl(host)}:${port}/health/ready`}\n`,
    )
  },
  async migrate({ file }) {
    await using tidings = await loadTidings(findModule(file))
    const applied = await tidings.migrate()
    process.stdout.write(
      applied.length === 0 ? 'The database is up to date\n' : applied.map((name) => `applied ${name}\n`).join(''),
    )
  },
  async schema({ file, output }) {
    await using tidings = await loadTidings(findModule(file))
    if (output?.endsWith('.ts') === true) {
      await tidings.writeClient(output)
      return
    }
    const text = tidings.printSchema()
    if (output === undefined) process.stdout.write(text)
    else await writeFile(output, text)
  },
  async selftest({ file: url, kind, input, token, json }) {
    if (url === undefined || !/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new TidingsError('BAD_INPUT', 'Name the URL of a running server, such as http://127.0.0.1:4000')
    const print = (text: string): void => void process.stdout.write(text)
    const onCheck = json ? undefined : (result: CheckResult) => print(printCheck(result))
    const report = await runSelfTest({ url, kind, input, token }, onCheck)
    if (json) print(`${JSON.stringify(report, null, 2)}\n`)
    else {
      const failedCount = report.checks.filter(({ passed }) => !passed).length
      print(`\n${report.checks.length - failedCount} passed, ${failedCount} failed at ${report.url}\n`)
    }
    if (!report.passed) process.exitCode = 1
  },
}

/** Loads the module of a process that runs until it receives a signal. */
async function open(file: string | undefined): Promise<Tidings> {
  const tidings = await loadTidings(findModule(file))
  endInOrder({
    logger: createLogger({ level: 'warn', production: process.env['NODE_ENV'] === 'production' }),
    deadlineMs: shutDownMs,
    shutDown: async () => tidings[Symbol.asyncDispose](),
    withParent: process.env['npm_lifecycle_event'] !== undefined,
  })
  return tidings
}

async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}

function hintOf({ code }: { readonly code: string }): string {
  return code === 'BAD_INPUT' ? 'All commands and options: tidings --help\n' : ''
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
