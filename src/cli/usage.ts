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
} as const

/** The name of a command. */
export type CommandName = keyof typeof commands

/** A parsed command line. */
export interface Command {
  readonly name: CommandName
  /** The module; undefined for the first of {@link moduleNames} that exists. */
  readonly file: string | undefined
  readonly port: number
  readonly host: string
  readonly worker: boolean
  readonly output: string | undefined
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
  --host ADDRESS   of dev and start: the address to listen on (default: 127.0.0.1)
  --no-worker      of start: runs no tasks in this process
  --output FILE    of schema: the file to write (default: standard output)
  --help           this
  --version        the version of Tidings

Beside an index.html, with vite installed, dev serves that page, too, with hot reload. It then also writes what the page needs to
start and watch the tasks, to a file beside FILE: tidings.gen.ts for tidings.ts.
`

/** The options that only some commands have. */
const optionsOf: Readonly<Record<string, readonly CommandName[]>> = {
  port: ['dev', 'start'],
  host: ['dev', 'start'],
  worker: ['start'],
  output: ['schema'],
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
  const { port = '4000', host = '127.0.0.1', worker = true, output } = values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new TidingsError('BAD_INPUT', `--port is ${JSON.stringify(port)}; it must be a number from 0 to 65535`)
  return { name, file, port: Number(port), host, worker, output }
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
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    // The message of parseArgs names the argument.
    throw new TidingsError('BAD_INPUT', (error as Error).message.split('. ')[0] ?? '', {}, { cause: error })
  }
}
