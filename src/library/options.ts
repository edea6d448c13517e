import type { GraphQLSchema } from 'graphql'
import { type Config, contradictionsOf, settings } from '../config.ts'
import { isTidingsError, TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Authenticate, AuthenticatedUser } from '../server/request/authenticate.ts'
import { parseSettings } from '../settings.ts'
import type { Viewer } from '../tasks/model/viewer.ts'
import type { HandlerServices, TaskKind } from './define-task.ts'
import type { AnyTopicKind } from './define-topic.ts'

/** The name of an option for a setting: `leaseMs` for `LEASE_MS`. */
type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<S>

/** Settings that are not options: `listen` takes the address, and the role follows from the methods that are called. */
type OtherSetting = 'HOST' | 'PORT' | 'ROLE'

/** The settings that are not options. */
export const settingsWithoutOption: readonly string[] = ['HOST', 'PORT', 'ROLE'] satisfies OtherSetting[]

/**
 * The settings of the engine as options, such as `databaseUrl`, `redisUrl`, `leaseMs` or `maxStartsPerMinute`: all of them with
 * defaults and units are in `docs/guide/options.md`.
 */
export type SettingOptions = {
  readonly [K in Exclude<keyof Config, OtherSetting> as CamelCase<K>]?: Config[K]
}

/** The options of `createTidings`. */
export interface TidingsOptions extends SettingOptions {
  /** The kinds of tasks. */
  readonly tasks: readonly TaskKind[]
  /** The kinds of topics: feeds of events that are no tasks. Default none. */
  readonly topics?: readonly AnyTopicKind[]
  /** The value that every `run`, and every `read` of a topic, receives as `context`, such as the team's services. Default none. */
  readonly context?: HandlerServices
  /**
   * Returns the viewer of a request or of a WebSocket; null for an anonymous caller, which may only introspect. Throw
   * `new TidingsError('UNAUTHENTICATED', message)` for credentials that are refused. Without it, the tokens of `jwtSecret` or
   * `jwksUrl` are verified; without these, there is one user, `local-developer`, and the server answers only to this machine.
   */
  readonly authenticate?: Authenticate
  /** Whether the tables are created and upgraded at the start; false to call `migrate()` apart. @default true */
  readonly migrateAtStart?: boolean
  /** A pino logger; by default one that writes entries of `logLevel` and above to standard output. */
  readonly logger?: Logger
}

/** The schema that a server serves. */
export interface ServeOptions {
  /**
   * A schema that contains the one of Tidings: made with `TidingsPlugin` of `tidings/pothos`, or merged with `tidings.schema`. Root
   * fields need a viewer, except those with `extensions: { withoutToken: true }`. Defaults to `tidings.schema`.
   */
  readonly schema?: GraphQLSchema
  /**
   * Creates the context of the team's resolvers for each operation, over every transport. Default none.
   * @param viewer - null for an anonymous caller
   */
  readonly context?: (viewer: Viewer | null) => object | Promise<object>
  /**
   * Returns the viewer of an operation from the context of the team's resolvers, such as the organization that owns tasks. By default
   * it is the one that `authenticate` returned; limits of connections apply to that one in any case.
   */
  viewer?(context: object): AuthenticatedUser | null
}

/** The options of `listen`. */
export interface ListenOptions extends ServeOptions {
  /** The port; 0 selects a free one. @default 4000 */
  readonly port?: number
  /** The address; others than that of this machine need `authenticate` or tokens. @default '127.0.0.1' */
  readonly host?: string
  /** Whether this process runs tasks, too. @default true */
  readonly worker?: boolean
}

/** The options of `worker`. */
export interface WorkerOptions {
  /** The port for `/health/live` and `/health/ready`; 0 selects a free one. Default none: the worker listens to nothing. */
  readonly port?: number
  /** The address for the port. @default '127.0.0.1' */
  readonly host?: string
}

/** Returns the name of the option for a setting: `leaseMs` for `LEASE_MS`. */
export function optionName(setting: string): string {
  return setting.toLowerCase().replace(/_[a-z0-9]/g, (part) => part.slice(1).toUpperCase())
}

/**
 * Converts options to the settings of the engine. Reads no environment.
 *
 * @throws TidingsError `BAD_CONFIGURATION`, one line for each option that is refused
 */
export function readOptions(
  options: Partial<TidingsOptions>,
  { host, port }: { readonly host?: string; readonly port?: number } = {},
): Config {
  const values = options as Readonly<Record<string, unknown>>
  const entries = Object.keys(settings).map((name) => [name, toText(values[optionName(name)])] as const)
  const texts = { ...Object.fromEntries(entries), HOST: host, PORT: port === undefined ? undefined : String(port) }
  const hasOwnViewers = options.authenticate !== undefined
  const config = renamingSettings(() =>
    parseSettings(settings, { ...texts, ROLE: 'all' }, (parsed) => contradictionsOf(parsed, { hasOwnViewers })),
  )
  const retention = (options.tasks ?? []).flatMap(({ kind, retentionDays: days }) =>
    days === undefined ? [] : [[kind, days] as const],
  )
  return { ...config, TASK_RETENTION_DAYS: { ...Object.fromEntries(retention), ...config.TASK_RETENTION_DAYS } }
}

/** Writes a value as the text that an environment variable would have. */
function toText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'object') return String(value as string | number | boolean)
  return Object.entries(value)
    .map(([name, amount]) => `${name}=${String(amount)}`)
    .join(',')
}

/** Awaits work that reads settings: a refusal of one names the option. */
export async function namingOptions<T>(work: Promise<T>): Promise<T> {
  const [outcome] = await Promise.allSettled([work])
  return renamingSettings(() => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

/** Runs work; the names of settings in a refusal become those of options. */
function renamingSettings<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isTidingsError(error, 'BAD_CONFIGURATION')) throw error
    const message = error.message.replace(/\b[A-Z][A-Z0-9_]+\b/g, (name) =>
      name in settings ? optionName(name) : name,
    )
    throw new TidingsError('BAD_CONFIGURATION', message, error.details, { cause: error })
  }
}
