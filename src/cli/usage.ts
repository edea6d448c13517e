import { parseArgs } from 'node:util'
import { TidingsError } from '../errors.ts'
import { moduleNames } from './load-tidings.ts'

/** The commands with what they do. */
const commands = {
  dev: 'serves the API and runs tasks on this machine, and starts again when a file changes',
  start: 'serves the API and runs tasks; with --no-worker, other processes run them',
  worker: 'runs tasks',
  migrate: 'creates the tables, or upgrades them to this version',
  schema: 'prints the GraphQL schema, or writes it to a file; to a file that ends in .ts, the module of a page',
  selftest: 'checks a running server from outside, over every transport; FILE is its URL',
} as const

/** The name of a command. */
export type CommandName = keyof typeof commands

/** A parsed command line. */
export interface Command {
  readonly name: CommandName
  /** The module; undefined for the first of {@link moduleNames} that exists. */
  readonly file: string | undefined
  readonly port: number
  /** Whether the port was named. */
  readonly hasPort: boolean
  readonly host: string
  readonly worker: boolean
  readonly output: string | undefined
  /** Of a self-test. */
  readonly kind: string | undefined
  readonly input: string | undefined
  readonly token: string | undefined
  readonly json: boolean
}

/** The help text. */
export const usage = `Tidings: live task progress over GraphQL.

Usage:
  tidings COMMAND [FILE] [options]

FILE is a module that exports what createTidings returns:

  export const tidings = createTidings({ tasks: [exportReport] })

Without FILE, the first of these that exists: ${moduleNames.join(', ')}.

Commands:
${Object.entries(commands)
  .map(([name, text]) => `  ${name.padEnd(8)}  ${text}`)
  .join('\n')}

Options:
  --port N         of dev and start: the port (default: 4000; 0 selects a free one)
                   of worker: the port for /health/live and /health/ready (default: none)
  --host ADDRESS   of dev, start and worker: the address to listen on (default: 127.0.0.1)
  --no-worker      of start: runs no tasks in this process
  --output FILE    of schema: the file to write (default: standard output)
  --kind NAME      of selftest: starts a task of this kind and follows it (default: asks for a task that does not exist)
  --input JSON     of selftest: the input of the task (default: {})
  --token TOKEN    of selftest: sent as Authorization: Bearer … (default: none)
  --json           of selftest: prints the report as JSON
  --help           this
  --version        the version of Tidings

selftest URL ends with exit code 0 when every check passed, 1 otherwise:

  tidings selftest https://example.org/graphql --kind EXPORT_REPORT --input '{"reportId": "report_1"}'

Beside an index.html, with vite installed, dev serves that page, too, with hot reload. It then also writes what the page needs to
start and watch the tasks, to a file beside FILE: tidings.gen.ts for tidings.ts.
`

/** The options that only some commands have. */
const optionsOf: Readonly<Record<string, readonly CommandName[]>> = {
  port: ['dev', 'start', 'worker'],
  host: ['dev', 'start', 'worker'],
  worker: ['start'],
  output: ['schema'],
  kind: ['selftest'],
  input: ['selftest'],
  token: ['selftest'],
  json: ['selftest'],
}

/**
 * Parses a command line.
 *
 * @returns the command; `help` or `version` when that was asked for
 * @throws TidingsError `BAD_INPUT` that names the wrong argument
 */
export function readCommand(args: readonly string[]): Command | 'help' | 'version' {
  const { values, positionals } = parse(args)
  if (values.help === true) return 'help'
  if (values.version === true) return 'version'
  const [name, file, ...others] = positionals
  if (name === undefined) return 'help'
  if (!isCommand(name))
    throw new TidingsError(
      'BAD_INPUT',
      `There is no command ${JSON.stringify(name)}; the commands are ${Object.keys(commands).join(', ')}`,
    )
  if (others.length > 0) throw new TidingsError('BAD_INPUT', `Too many arguments: ${others.join(' ')}`)
  for (const option of Object.keys(values))
    if (optionsOf[option]?.includes(name) === false)
      throw new TidingsError('BAD_INPUT', `--${option} is not an option of ${name}`)
  const { port = '4000', host = '127.0.0.1', worker = true, output, kind, input, token, json = false } = values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new TidingsError('BAD_INPUT', `--port is ${JSON.stringify(port)}; it must be a number from 0 to 65535`)
  return {
    name,
    file,
    port: Number(port),
    hasPort: values.port !== undefined,
    host,
    worker,
    output,
    kind,
    input,
    token,
    json,
  }
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      allowNegative: true,
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        worker: { type: 'boolean' },
        output: { type: 'string' },
        kind: { type: 'string' },
        input: { type: 'string' },
        token: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    // The message of parseArgs names the argument.
    throw new TidingsError('BAD_INPUT', (error as Error).message.split('. ')[0] ?? '', {}, { cause: error })
  }
}
