import { z } from 'zod'
import { TidingsError } from './errors.ts'

const integer = (min: number, max: number) =>
  z.coerce
    .number({ error: 'a whole number' })
    .int('a whole number')
    .min(min, `at least ${min}`)
    .max(max, `at most ${max}`)
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)
const url = (protocols: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol),
      `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    )
/** Origins as browsers send them in the header `Origin`: no default port, no path. Schemes of apps (`capacitor://localhost`) count. */
const origins = list.transform((parts, context) =>
  parts.map((part) => {
    const [, scheme, rest = ''] = /^([a-z][a-z\d+.-]*:)\/\/(.*)$/i.exec(part) ?? []
    const refuse = (advice: string) => {
      context.addIssue({ code: 'custom', message: `origins such as https://app.example.com (${part}: ${advice})` })
      return part
    }
    if (part.includes('*')) return refuse('name each origin')
    if (scheme === undefined) return refuse(`write http://${part} or https://${part}`)
    if (!URL.canParse(part) || rest.startsWith('/') || /[@?#]/.test(rest)) return refuse('not an origin')
    const { protocol, host, pathname } = new URL(part)
    const origin = `${protocol}//${host.toLowerCase()}`
    return pathname === '' || pathname === '/' ? origin : refuse(`write ${origin}`)
  }),
) as unknown as z.ZodType<string[], string>

interface Setting<T> {
  readonly schema: z.ZodType<T, string>
  readonly fallback: string | undefined
  readonly help: string
  readonly secret?: true
  /** The values that are allowed, where they are few. */
  readonly choices?: readonly string[]
}
const setting = <T>(
  schema: z.ZodType<T, string>,
  fallback: string,
  help: string,
  options: Pick<Setting<T>, 'secret' | 'choices'> = {},
): Setting<T> => ({ schema, fallback, help, ...options })
/** One of a few values, which the help and docs/settings.md list. */
const choice = <const T extends string>(choices: readonly [T, ...T[]], fallback: T, help: string): Setting<T> =>
  setting(
    z.enum(choices, { error: choices.join(', ').replace(/, (?!.*, )/, ' or ') }) as unknown as z.ZodType<T, string>,
    fallback,
    help,
    { choices },
  )
const flag = (fallback: 'true' | 'false', help: string): Setting<boolean> =>
  setting(
    z.enum(['true', 'false'], { error: 'true or false' }).transform((text) => text === 'true'),
    fallback,
    help,
    { choices: ['true', 'false'] },
  )
const optional = <T>(
  schema: z.ZodType<T, string>,
  help: string,
  options: { secret?: true } = {},
): Setting<T | undefined> => ({ schema, fallback: undefined, help, ...options })
const text = z.string()
/** `name=number` pairs, separated by commas. */
const pairs = (max: number) =>
  list.transform((parts, context) => {
    const values = new Map<string, number>()
    for (const part of parts) {
      const [, name, value] = /^([\w*-]+)\s*=\s*(\d+)$/.exec(part) ?? []
      if (name === undefined || Number(value) > max)
        context.addIssue({ code: 'custom', message: `name=number, separated by commas, with numbers up to ${max}` })
      else values.set(name, Number(value))
    }
    return Object.fromEntries(values)
  }) as unknown as z.ZodType<Readonly<Record<string, number>>, string>
const ratio = z.coerce.number({ error: 'a number' }).min(0, 'at least 0').max(1, 'at most 1') as unknown as z.ZodType<
  number,
  string
>
const number = (min: number, max: number) => integer(min, max) as unknown as z.ZodType<number, string>

/** Every setting of the server: its environment variable, what is allowed, its default and a line of help. */
export const settings = {
  NODE_ENV: choice(
    ['development', 'production', 'test'],
    'development',
    'production: JSON logs, and a token secret is required',
  ),
  HOST: setting(text, '127.0.0.1', 'address to listen on'),
  PORT: setting(number(0, 65_535), '4000', 'port to listen on; 0 takes a free one'),
  STUDIO_URL: optional(
    url(['http:', 'https:']),
    'where browsers reach the Studio; only its page may show previews in a frame. By default this server’s own address',
  ),
  PREVIEW_PORT: optional(
    number(0, 65_535),
    'port on which previews of projects are served, an origin of their own; 0 takes a free one. By default the one after PORT',
  ),
  PREVIEW_URL: optional(
    url(['http:', 'https:']),
    'where browsers reach the previews, such as https://preview.example.com, which leads to PREVIEW_PORT; never the Studio’s own origin',
  ),
  PREVIEW_IDLE_MS: setting(
    number(500, 604_800_000),
    '1800000',
    'how long nobody may ask anything of a preview before it is stopped',
  ),
  DATA_DIR: setting(text, '.data', 'where the embedded PostgreSQL keeps its files'),
  DATABASE_URL: optional(
    url(['postgres:', 'postgresql:']),
    'use this PostgreSQL (14 or newer) instead of the embedded one',
    {
      secret: true,
    },
  ),
  DATABASE_POOL: setting(number(4, 500), '20', 'connections to PostgreSQL per process'),
  DATABASE_STATEMENT_MS: setting(
    number(100, 600_000),
    '4000',
    'longest time of one statement; a connection to PostgreSQL that stays silent a fifth longer is destroyed',
  ),
  REDIS_URL: optional(
    list.pipe(z.array(url(['redis:', 'rediss:']))) as unknown as z.ZodType<string[], string>,
    'Redis as the bus between processes; several, separated by commas, share the topics',
    { secret: true },
  ),
  QUEUE_BACKEND: choice(['postgres', 'redis'], 'postgres', 'where the doorbell of the workers (BullMQ) lives'),
  ROLE: choice(['all', 'server', 'worker'], 'all', 'what this process does'),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info', 'how much is logged'),
  METRICS: choice(['loopback', 'all', 'off'], 'loopback', 'who may read /metrics (Prometheus)'),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url(['http:', 'https:']),
    'where traces are sent (OTLP over HTTP, such as http://localhost:4318); off without it',
  ),
  OTEL_SERVICE_NAME: setting(text, 'tidings', 'the name of this service in traces'),
  OTEL_TRACES_SAMPLER_ARG: setting(ratio, '1', 'share of the traces that begin here that are recorded, 0 to 1'),
  FIRST_RUN: flag('true', 'import the project’s own documentation when the database is empty'),

  SELF_TEST: flag('false', 'let clients start tasks that do nothing, for npm run selftest'),

  JWT_SECRET: optional(z.string().min(32, 'at least 32 characters'), 'HS256 secret that tokens are signed with', {
    secret: true,
  }),
  JWKS_URL: optional(url(['http:', 'https:']), 'where the public keys of the token issuer are'),
  JWT_ISSUER: optional(text, 'required `iss` of tokens'),
  JWT_AUDIENCE: optional(text, 'required `aud` of tokens'),
  JWT_CLOCK_TOLERANCE_SECONDS: setting(
    number(0, 600),
    '60',
    'how far the clock of the token issuer may be ahead, for `nbf`; `exp` is checked without a tolerance',
  ),
  ALLOWED_ORIGINS: setting(origins, '', 'origins of other sites that may call this server, separated by commas'),
  TRUST_PROXY: flag('false', 'take the client address from X-Forwarded-For'),

  CONTENT_PROVIDER: choice(
    ['extractive', 'openai'],
    'extractive',
    'extractive: no service needed; openai: any OpenAI-compatible endpoint',
  ),
  CONTENT_PACE_MS: setting(
    number(0, 10_000),
    '20',
    'pause between the pieces of text of the extractive provider, so that people can watch it write',
  ),
  OPENAI_BASE_URL: setting(url(['http:', 'https:']), 'https://api.openai.com/v1', 'the OpenAI-compatible endpoint'),
  OPENAI_API_KEY: optional(text, 'its key', { secret: true }),
  OPENAI_MODEL: setting(text, 'gpt-4o-mini', 'its model'),
  OPENAI_TIMEOUT_MS: setting(number(100, 600_000), '60000', 'longest silence of the endpoint before it counts as away'),

  COALESCE_MS: setting(number(0, 5_000), '50', 'window in which bursts of progress are merged before they are logged'),
  LEASE_MS: setting(number(500, 300_000), '10000', 'how long a worker may be silent before its task is taken back'),
  SWEEP_MS: setting(
    number(50, 60_000),
    '1000',
    'how often tasks are looked for whose wake-up was lost; expired leases at least ten times within LEASE_MS',
  ),
  CHECK_MS: setting(number(50, 60_000), '3000', 'how often followed topics are compared with the log'),
  QUEUE_MOVED_MS: setting(number(10, 60_000), '300', 'shortest time between two TaskQueueMoved of one subscriber'),
  RETENTION_HOURS: setting(number(0, 87_600), '168', 'how long events of finished tasks are kept'),
  TASK_RETENTION_DAYS: setting(
    pairs(36_500),
    '*=90',
    'days after which finished tasks are deleted, per kind, such as *=90,CONVERT_DOCUMENT=7; * is every other kind, 0 keeps them',
  ),
  AUDIT_DAYS: setting(number(1, 3_650), '90', 'how long the audit log is kept'),
  NOTIFICATION_DAYS: setting(number(1, 3_650), '30', 'how long a notification stays in an inbox'),
  IDEMPOTENCY_HOURS: setting(number(1, 8_760), '24', 'how long an idempotency key is remembered'),
  DRAIN_MS: setting(
    number(0, 600_000),
    '8000',
    'longest time for an orderly end at shutdown; running tasks are handed over at once',
  ),

  MAX_BODY_BYTES: setting(number(1_024, 1_073_741_824), '1048576', 'largest request without files'),
  MAX_UPLOAD_BYTES: setting(number(1_024, 1_073_741_824), '26214400', 'largest uploaded document'),
  MAX_MESSAGE_BYTES: setting(number(1_024, 104_857_600), '262144', 'largest WebSocket message from a client'),
  MAX_SOCKET_BUFFER_BYTES: setting(
    number(16_384, 1_073_741_824),
    '1048576',
    'bytes a slow reader may leave unread before what it misses is summed up',
  ),
  SLOW_READER_MS: setting(
    number(100, 3_600_000),
    '30000',
    'how long a reader may leave a full buffer unread before it is asked to come back later',
  ),
  MAX_STREAM_MS: setting(
    number(1_000, 86_400_000),
    '3600000',
    'how long an event stream lasts before it is cut and its client resumes, so that none stays whose reader vanished',
  ),
  MAX_QUERY_DEPTH: setting(number(1, 100), '15', 'deepest nesting of an operation'),
  MAX_QUERY_TOKENS: setting(number(100, 100_000), '2000', 'most tokens of an operation'),
  MAX_QUERY_ALIASES: setting(number(0, 1_000), '30', 'most aliases of an operation'),
  MAX_QUERY_COST: setting(number(1, 1_000_000), '5000', 'highest estimated cost of an operation'),
  MAX_SUBSCRIPTIONS_PER_SOCKET: setting(number(1, 100_000), '100', 'most subscriptions on one socket'),
  MAX_SOCKETS_PER_VIEWER: setting(number(1, 1_000_000), '50', 'most sockets of one viewer on one server'),
  MAX_SOCKETS_PER_ADDRESS: setting(number(1, 1_000_000), '200', 'most sockets from one address on one server'),
  MAX_UPLOADS_PER_VIEWER: setting(number(1, 1_000), '6', 'most files one viewer may send at once to one server'),
  HEAD_STARTS: setting(
    pairs(86_400),
    '*=30',
    'seconds by which the tasks of a plan stand earlier in line, such as pro=30,team=60; * is every other plan, *=0 turns them off',
  ),
  CONCURRENCY: setting(
    pairs(10_000),
    '',
    'tasks that one worker runs at once, where it should not be the usual, such as CONVERT_DOCUMENT=4; 0 leaves them to others',
  ),
  MAX_RUNNING_PER_USER: setting(
    number(0, 10_000),
    '4',
    'most tasks of one kind that run at once for one user, over all workers; 0 is any number',
  ),
  MAX_STARTS_PER_MINUTE: setting(number(1, 1_000_000), '60', 'most tasks one viewer may start in a minute'),
} as const satisfies Record<string, Setting<unknown>>

type SettingValue<S> = S extends Setting<infer T> ? T : never

/** The parsed settings of one process. */
export type Config = { readonly [K in keyof typeof settings]: SettingValue<(typeof settings)[K]> }

/**
 * Parses settings from an environment.
 *
 * @param environment - variables by name; an empty string counts as not set
 * @returns every setting, with its default where the environment says nothing
 * @throws TidingsError `BAD_CONFIGURATION`, one line for each refused variable: its name, its value (unless it is a
 * secret) and what is allowed
 */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, one] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const given = environment[name] === '' ? undefined : environment[name]
    const raw = given ?? one.fallback
    if (raw === undefined) continue
    const parsed = one.schema.safeParse(raw)
    if (parsed.success) values[name] = parsed.data
    else {
      const allowed = [...new Set(parsed.error.issues.map((issue) => issue.message))].join(', ')
      problems.push(`${name} is ${one.secret ? '(hidden)' : JSON.stringify(raw)}; allowed: ${allowed}`)
    }
  }
  const config = values as Config
  if (problems.length === 0) problems.push(...contradictionsOf(config))
  if (problems.length > 0) throw new TidingsError('BAD_CONFIGURATION', problems.join('\n'), { problems })
  return config
}

/** What is wrong with settings that are right each by itself. */
function contradictionsOf(config: Config): readonly string[] {
  const problems: string[] = []
  const isLoopback = ['127.0.0.1', 'localhost', '::1'].includes(config.HOST)
  const hasTokens = config.JWT_SECRET !== undefined || config.JWKS_URL !== undefined
  if (!hasTokens && config.NODE_ENV === 'production')
    problems.push('NODE_ENV is "production" and neither JWT_SECRET nor JWKS_URL is set; set one of them')
  else if (!hasTokens && !isLoopback)
    problems.push(
      `HOST is ${JSON.stringify(config.HOST)} and neither JWT_SECRET nor JWKS_URL is set; without them only 127.0.0.1, ::1 or localhost is allowed`,
    )
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'] as const)
    if (!hasTokens && config[name] !== undefined)
      problems.push(`${name} is set and neither JWT_SECRET nor JWKS_URL is; without them no token is verified`)
  if (config.PREVIEW_URL !== undefined && config.STUDIO_URL === undefined)
    problems.push('PREVIEW_URL is set and STUDIO_URL is not; set it, as only the Studio may show previews in a frame')
  if (
    config.PREVIEW_URL !== undefined &&
    config.STUDIO_URL !== undefined &&
    new URL(config.PREVIEW_URL).origin === new URL(config.STUDIO_URL).origin
  )
    problems.push(
      `PREVIEW_URL is ${JSON.stringify(config.PREVIEW_URL)}, the same origin as STUDIO_URL; give previews a host or a port of their own, as they run what users write`,
    )
  if (config.PREVIEW_PORT !== undefined && config.PREVIEW_PORT !== 0 && config.PREVIEW_PORT === config.PORT)
    problems.push(`PREVIEW_PORT is ${config.PREVIEW_PORT}, the same as PORT; choose another one (0 takes a free one)`)
  if (config.QUEUE_BACKEND === 'redis' && config.REDIS_URL === undefined)
    problems.push('QUEUE_BACKEND is "redis" and REDIS_URL is not set; set it')
  if (config.ROLE !== 'all' && config.DATABASE_URL === undefined)
    problems.push(
      `ROLE is "${config.ROLE}" and DATABASE_URL is not set; processes that share the work need a database of their own`,
    )
  return problems
}

/** The help text of `npm start -- --help`: every setting with its default. */
export function describeSettings(): string {
  const rows = Object.entries(settings) as [string, Setting<unknown>][]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows
    .map(([name, one]) => {
      const fallback = one.fallback === undefined || one.fallback === '' ? 'not set' : one.fallback
      const allowed = one.choices === undefined ? '' : `one of ${one.choices.join(', ')}; `
      return `  ${name.padEnd(width)}  ${one.help} (${allowed}default: ${fallback})`
    })
    .join('\n')
}
