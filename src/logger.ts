import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { type DestinationStream, type Level, type Logger as PinoLogger, pino } from 'pino'

/** A structured logger: `logger.info({ taskId }, 'started task')`; `logger.child({ requestId })` adds fields to all lines. */
export type Logger = PinoLogger

const fieldsOfTurn = new AsyncLocalStorage<Readonly<Record<string, unknown>>>()

/**
 * Runs `work` with fields that are added to every line logged on its behalf, such as the id of the
 * current request.
 */
export function withLogFields<T>(fields: Readonly<Record<string, unknown>>, work: () => T): T {
  return fieldsOfTurn.run(fields, work)
}

const hidden = '(hidden)'
const secretKey = /"([\w.-]*(?:authorization|cookie|password|secret|token|api_?key))":"(?:[^"\\]|\\.)*"/gi
const urlPassword = /(\b[a-z][a-z\d+.-]{0,30}:\/\/[^\s:@/"\\]{0,256}:)[^\s@/"\\]{1,1024}@/gi
const bearerToken = /\b(Bearer\s+)[\w.~+/=-]{8,}/gi

/**
 * Hides the secrets in a text: passwords in URLs, bearer tokens, and the values of JSON keys that
 * end in `authorization`, `cookie`, `password`, `secret`, `token` or `apiKey`.
 */
export function redactSecrets(text: string): string {
  return text
    .replace(secretKey, `"$1":"${hidden}"`)
    .replace(urlPassword, `$1${hidden}@`)
    .replace(bearerToken, `$1${hidden}`)
}

/**
 * Creates the logger of a process.
 *
 * @param options.level - minimum level that is written, or `silent`
 * @param options.production - true writes one line of JSON per entry, false writes human-readable
 * lines
 * @param options.destination - stream that receives the lines; standard output by default
 * @returns a logger that hides secrets (see {@link redactSecrets}) and everything in
 * `connectionParams`
 */
export function createLogger(options: {
  level: Level | 'silent'
  production: boolean
  destination?: DestinationStream | undefined
}): Logger {
  const { level, production } = options
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true })
  return pino(
    {
      level,
      mixin: () => ({ ...fieldsOfTurn.getStore() }),
      serializers: { err: describeError },
      redact: { paths: ['connectionParams', '*.connectionParams', '*.*.connectionParams'], censor: hidden },
      // Redacts the finished line, not the object: an error's message or a driver's detail may
      // quote a URL at any depth.
      hooks: { streamWrite: redactSecrets },
    },
    production ? destination : makeReadable(destination, options.destination === undefined && isTerminal()),
  )
}

/**
 * Selects the logged fields of an error. The whole object is not logged, as drivers attach their
 * connections to their errors.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message, stack, cause } = error
  const code = 'code' in error ? { code: error.code } : {}
  return { type: name, message, ...code, stack, ...(cause === undefined ? {} : { cause: describeError(cause) }) }
}

/** A logger that discards all messages. */
export const silentLogger: Logger = pino({ level: 'silent' })

function isTerminal(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors()
}

function makeReadable(destination: DestinationStream, colorize: boolean): DestinationStream {
  // Loaded only for human-readable output, and called synchronously for each line: as a worker or
  // as a stream, it would lose the last lines of a process that exits, and starting a worker costs
  // about 100 ms.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  const format = prettyFactory({
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
    colorize,
  })
  return { write: (line) => void destination.write(format(line)) }
}
