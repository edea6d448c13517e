import { z } from 'zod'
import { splitDatabaseUrl } from './database-url.ts'
import { type RateLimitBudgets, rateLimitClasses } from './rate-limits/rate-limit-classes.ts'
import { parseRedisUrl } from './redis-url.ts'
import { engineSchema, isSchemaName } from './schema-name.ts'
import {
  choice,
  databaseUrl,
  flag,
  listDefaults,
  number,
  optional,
  origins,
  overrides,
  pairs,
  parseSettings,
  ratio,
  redisUrl,
  type Setting,
  type SettingValues,
  setting,
  text,
  trueOrFalse,
  url,
} from './settings.ts'

/** The settings of the engine by environment variable, each with its schema, default and description. */
export const settings = {
  NODE_ENV: choice(
    ['development', 'production', 'test'],
    'development',
    'production writes JSON logs and requires JWT_SECRET or JWKS_URL',
  ),
  HOST: setting(text, '127.0.0.1', 'address to listen on'),
  PORT: setting(number(0, 65_535), '4000', 'port to listen on; 0 selects a free port'),
  DATA_DIR: setting(text, '.data', 'directory of the embedded PostgreSQL'),
  DATABASE_URL: optional(
    databaseUrl,
    'URL of a PostgreSQL (14 or newer); replaces the embedded one. With several hosts (postgres://host1,host2/name), connections lead to the one that accepts writes',
    {
      secret: true,
    },
  ),
  DATABASE_DIRECT_URL: optional(
    databaseUrl,
    'URL of the same database without a pooler, when DATABASE_URL is one of a pooler of transactions, such as PgBouncer: migrations, workers that are notified of tasks started in transactions of the application or in SQL, and, with QUEUE_BACKEND=postgres, the queue need it',
    { secret: true },
  ),
  DATABASE_REPLICA_URL: optional(
    databaseUrl,
    'URL of a replica of the same database with streaming replication, without a pooler: lists of tasks, their history and the events that subscribers missed are read there, once it has everything that was committed before; otherwise from DATABASE_URL',
    { secret: true },
  ),
  DATABASE_SCHEMA: setting(
    text.refine(isSchemaName, 'lower-case letters, digits and _, at most 40, not beginning with pg_'),
    engineSchema,
    'PostgreSQL schema of the tables and functions of the engine; choose it before the first start, as later another one is created',
  ),
  DATABASE_POOL: setting(number(4, 500), '20', 'maximum connections to PostgreSQL per process'),
  DATABASE_STATEMENT_MS: setting(
    number(100, 600_000),
    '4000',
    'timeout of a statement in ms; a connection to PostgreSQL that is silent for 1.2 times as long is destroyed',
  ),
  REDIS_URL: optional(
    redisUrl,
    'URL of Redis, the bus between processes: one server, a Redis Cluster (redis-cluster://host1:6379,host2:6379), or the primary of Sentinels (redis-sentinel://host1:26379,host2:26379/0?name=mymaster); rediss…:// for TLS',
    { secret: true },
  ),
  REDIS_PUBSUB: choice(
    ['sharded', 'classic'],
    'sharded',
    'how a Redis Cluster delivers messages: each by one shard, or to all of its servers, which costs less only in a small cluster',
  ),
  REDIS_TLS_CA: optional(text, 'file with the certificates (PEM) that sign the one of Redis; those of Node by default'),
  REDIS_TLS_CERT: optional(text, 'file with the certificate (PEM) of this client for Redis'),
  REDIS_TLS_KEY: optional(text, 'file with the private key (PEM) of REDIS_TLS_CERT'),
  QUEUE_BACKEND: choice(['postgres', 'redis'], 'postgres', 'where BullMQ stores the wake-ups of workers'),
  QUEUE_PREFIX: optional(
    text,
    'prefix of the keys of BullMQ in Redis, for several databases in one Redis; bull by default, {bull} in a Redis Cluster, where it needs the braces of a hash tag',
  ),
  ROLE: choice(['all', 'server', 'worker'], 'all', 'role of this process'),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info', 'minimum level of log messages'),
  METRICS: choice(
    ['loopback', 'direct', 'all', 'off'],
    'loopback',
    'clients that may read /metrics (Prometheus): those of this machine, those of any machine whose requests no proxy forwards (direct), or all; loopback excludes forwarded requests too',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    url(['http:', 'https:']),
    'endpoint for traces (OTLP over HTTP), such as http://localhost:4318; tracing is off without it',
  ),
  OTEL_SERVICE_NAME: setting(text, 'tidings', 'service name in traces'),
  OTEL_TRACES_SAMPLER_ARG: setting(ratio, '1', 'ratio of the traces begun by this process that are recorded, 0 to 1'),

  JWT_SECRET: optional(z.string().min(32, 'at least 32 characters'), 'HS256 secret that signs tokens', {
    secret: true,
  }),
  JWKS_URL: optional(url(['http:', 'https:']), 'URL of the public keys of the token issuer'),
  JWT_ISSUER: optional(text, 'required `iss` of tokens'),
  JWT_AUDIENCE: optional(text, 'required `aud` of tokens'),
  JWT_CLOCK_TOLERANCE_SECONDS: setting(
    number(0, 600),
    '60',
    'tolerance of `nbf` in seconds, for a token issuer whose clock is ahead; `exp` has none',
  ),
  JWT_REQUIRE_EXP: flag(
    'true',
    'refuse tokens without `exp`: such a token can be used for ever by whoever has a copy of it',
  ),
  ALLOWED_ORIGINS: setting(
    origins,
    '',
    'origins of other sites that may call this server, such as https://app.example.com, separated by commas',
  ),
  INTROSPECTION: optional(
    z.enum(['all', 'viewers', 'off'], { error: 'all, viewers or off' }) as unknown as z.ZodType<
      'all' | 'viewers' | 'off',
      string
    >,
    'callers that may read the schema by introspection: all, viewers (with a token) or off. Default: all, in production viewers',
  ),
  SUGGESTIONS: optional(
    trueOrFalse,
    'add suggestions to errors about unknown names (“Did you mean …”), which disclose names of the schema. Default: true, in production false',
  ),
  GRAPHIQL: optional(trueOrFalse, 'serve GraphiQL to browsers at /graphql. Default: true, in production false'),
  LIVE_UPDATES: flag(
    'true',
    'serve subscriptions over WebSockets and event streams; with false both are refused, and clients poll',
  ),
  TRUST_PROXY: flag(
    'false',
    'read the address, host and protocol of a client from X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto',
  ),

  COALESCE_MS: setting(
    number(0, 5_000),
    '50',
    'window in ms in which bursts of progress are merged before they are appended to the log',
  ),
  LEASE_MS: setting(
    number(500, 300_000),
    '10000',
    'time without a heartbeat in ms after which a task is reclaimed from its worker',
  ),
  SWEEP_MS: setting(
    number(50, 60_000),
    '1000',
    'interval in ms of the search for tasks with a lost wake-up; expired leases are searched at least ten times within LEASE_MS',
  ),
  CHECK_MS: setting(number(50, 60_000), '3000', 'interval in ms at which followed topics are compared with the log'),
  QUEUE_MOVED_MS: setting(
    number(10, 60_000),
    '300',
    'minimum time in ms between two TaskQueueMoved events of a subscriber',
  ),
  RETENTION_HOURS: setting(
    number(0, 87_600),
    '168',
    'hours for which events are kept; they are deleted in parts, up to an eighth of that time later',
  ),
  TASK_RETENTION_DAYS: setting(
    pairs(36_500),
    '*=90',
    'days after which finished tasks are deleted, per kind, such as *=90,CONVERT_DOCUMENT=7; * is every other kind, 0 keeps them',
  ),
  AUDIT_DAYS: setting(number(1, 3_650), '90', 'days after which entries of the audit log are deleted'),
  IDEMPOTENCY_HOURS: setting(number(1, 8_760), '24', 'hours for which an idempotency key is stored'),
  DRAIN_MS: setting(
    number(0, 600_000),
    '8000',
    'timeout of a graceful shutdown in ms; running tasks are handed over at once',
  ),

  MAX_BODY_BYTES: setting(number(1_024, 1_073_741_824), '1048576', 'maximum size of a request without files'),
  MAX_ANONYMOUS_BODY_BYTES: setting(
    number(1_024, 1_073_741_824),
    '102400',
    'maximum size of a request or a WebSocket message without a token',
  ),
  MAX_UPLOAD_BYTES: setting(number(1_024, 1_073_741_824), '26214400', 'maximum size of an uploaded document'),
  MAX_MESSAGE_BYTES: setting(number(1_024, 104_857_600), '262144', 'maximum size of a WebSocket message from a client'),
  MAX_SOCKET_BUFFER_BYTES: setting(
    number(16_384, 1_073_741_824),
    '1048576',
    'unsent bytes per connection from which missed events of a slow subscriber are compacted',
  ),
  SLOW_READER_MS: setting(
    number(100, 3_600_000),
    '30000',
    'time in ms with a full buffer after which a slow subscriber is disconnected and resumes later',
  ),
  MAX_STREAM_MS: setting(
    number(1_000, 86_400_000),
    '3600000',
    'maximum duration of an event stream in ms; the client then resumes. Removes streams of vanished clients behind proxies',
  ),
  MAX_LOOP_LAG_MS: setting(
    number(10, 600_000),
    '1000',
    'lag of the event loop in ms that, when it lasts for two seconds, makes the server refuse new requests and connections with 503',
  ),
  MAX_QUERY_DEPTH: setting(number(1, 100), '15', 'maximum depth of an operation'),
  MAX_QUERY_TOKENS: setting(number(100, 100_000), '2000', 'maximum number of tokens in an operation'),
  MAX_QUERY_ALIASES: setting(number(0, 1_000), '30', 'maximum number of aliases in an operation'),
  MAX_QUERY_FIELDS: setting(
    number(10, 100_000),
    '2000',
    'maximum number of fields in a document, counting fragments each time they are spread',
  ),
  MAX_QUERY_FIELDS_PER_NAME: setting(
    number(2, 10_000),
    '30',
    'maximum number of fields with the same response name, or of fragments, in one place of a document',
  ),
  MAX_QUERY_COST: setting(number(1, 1_000_000), '5000', 'maximum estimated cost of an operation'),
  MAX_SUBSCRIPTIONS_PER_SOCKET: setting(number(1, 100_000), '100', 'maximum subscriptions per WebSocket'),
  MAX_SOCKETS_PER_VIEWER: setting(number(1, 1_000_000), '50', 'maximum WebSockets per viewer on one server'),
  MAX_SOCKETS_PER_ADDRESS: setting(
    number(1, 1_000_000),
    '200',
    'maximum WebSockets per address on one server; for every limit per address, an IPv6 address counts by its first 64 bits',
  ),
  MAX_SOCKET_WORK: setting(
    number(1_024, 1_000_000_000),
    '524288',
    'work per WebSocket and second, in bytes: messages and requests with what handling them costs, about 10 bytes per microsecond of processor time; four times as much at once. Beyond it, nothing more is read from the socket, and it is closed after ten seconds',
  ),
  MAX_VIEWER_WORK: setting(
    number(1_024, 1_000_000_000),
    '1048576',
    'the same per viewer on one server: requests beyond it are refused with 429, operations on its WebSockets with RATE_LIMITED',
  ),
  MAX_ADDRESS_WORK: setting(
    number(1_024, 1_000_000_000),
    '2097152',
    'the same per address on one server: new connections are refused with 429 too',
  ),
  MAX_UPLOADS_PER_VIEWER: setting(number(1, 1_000), '6', 'maximum concurrent uploads per viewer on one server'),
  HEAD_STARTS: setting(
    pairs(86_400),
    '*=30',
    'priority boost per plan: seconds by which its tasks are moved forward in the queue, such as pro=30,team=60; * is every other plan, *=0 turns it off',
  ),
  CONCURRENCY: setting(
    pairs(10_000),
    '',
    'concurrent tasks per kind and worker that replace the defaults, such as CONVERT_DOCUMENT=4; a worker with 0 does not run the kind',
  ),
  MAX_RUNNING_PER_USER: setting(
    number(0, 10_000),
    '4',
    'maximum concurrent tasks per kind and user over all workers; 0 is unlimited',
  ),
  RATE_LIMITS: setting<RateLimitBudgets>(
    overrides(rateLimitClasses, 1_000_000),
    '',
    `operations per minute and caller that replace the defaults, such as messages=30,typing=0 (0 is unlimited). Defaults: ${listDefaults(rateLimitClasses)}. They apply where tokens are required`,
  ),
  RATE_LIMIT_ADDRESS_FACTOR: setting(
    number(1, 10_000),
    '5',
    'how many times the budget of a caller one address may use',
  ),
  MAX_STARTS_PER_MINUTE: setting(number(1, 1_000_000), '60', 'maximum task starts per viewer and minute'),
} as const satisfies Record<string, Setting<unknown>>

/** The parsed settings of the engine. */
export type Config = SettingValues<typeof settings>

/** Parses the settings of the engine. @throws TidingsError `BAD_CONFIGURATION`: see `parseSettings` */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return parseSettings(settings, environment, contradictionsOf)
}

/**
 * Checks combinations of settings that are valid one by one: returns the message of each contradiction.
 *
 * @param options.hasOwnViewers - whether the application authenticates callers itself, so that no token settings are needed
 */
export function contradictionsOf(
  config: Config,
  { hasOwnViewers = false }: { readonly hasOwnViewers?: boolean } = {},
): readonly string[] {
  const problems: string[] = []
  const isLoopback = ['127.0.0.1', 'localhost', '::1'].includes(config.HOST)
  const hasTokens = config.JWT_SECRET !== undefined || config.JWKS_URL !== undefined
  if (hasOwnViewers && hasTokens)
    problems.push('callers are authenticated by a function, and JWT_SECRET or JWKS_URL is set; use one of the two')
  if (hasOwnViewers || hasTokens) {
    // Every caller is authenticated.
  } else if (config.NODE_ENV === 'production')
    problems.push('NODE_ENV is "production" and neither JWT_SECRET nor JWKS_URL is set; set one of them')
  else if (!isLoopback)
    problems.push(
      `HOST is ${JSON.stringify(config.HOST)} and neither JWT_SECRET nor JWKS_URL is set; without them only 127.0.0.1, ::1 or localhost is allowed`,
    )
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'] as const)
    if (!hasTokens && config[name] !== undefined)
      problems.push(`${name} is set and neither JWT_SECRET nor JWKS_URL is; without them no token is verified`)
  if (config.DATABASE_DIRECT_URL !== undefined && config.DATABASE_URL === undefined)
    problems.push('DATABASE_DIRECT_URL is set and DATABASE_URL is not; set it to the address of the pooler')
  if (config.DATABASE_REPLICA_URL !== undefined && config.DATABASE_URL === undefined)
    problems.push('DATABASE_REPLICA_URL is set and DATABASE_URL is not; set it to the address of the primary')
  if (config.DATABASE_REPLICA_URL !== undefined && splitDatabaseUrl(config.DATABASE_REPLICA_URL).length > 1)
    problems.push('DATABASE_REPLICA_URL names several hosts; each server reads from one replica')
  if (config.QUEUE_BACKEND === 'redis' && config.REDIS_URL === undefined)
    problems.push('QUEUE_BACKEND is "redis" and REDIS_URL is not set; set it')
  if ((config.REDIS_TLS_CERT === undefined) !== (config.REDIS_TLS_KEY === undefined))
    problems.push('one of REDIS_TLS_CERT and REDIS_TLS_KEY is set; a client certificate needs both')
  const isEncrypted = config.REDIS_URL?.startsWith('rediss') ?? false
  for (const name of ['REDIS_TLS_CA', 'REDIS_TLS_CERT'] as const)
    if (config[name] !== undefined && !isEncrypted)
      problems.push(`${name} is set and REDIS_URL does not begin with rediss; without it no connection has TLS`)
  const isCluster = config.REDIS_URL !== undefined && parseRedisUrl(config.REDIS_URL).kind === 'cluster'
  if (isCluster && config.QUEUE_PREFIX !== undefined && !/\{[^{}]+\}/.test(config.QUEUE_PREFIX))
    problems.push(
      `QUEUE_PREFIX is ${JSON.stringify(config.QUEUE_PREFIX)}; in a Redis Cluster it needs a hash tag, such as {${config.QUEUE_PREFIX}}, so that all keys of a queue are on one server`,
    )
  if (config.ROLE !== 'all' && config.DATABASE_URL === undefined)
    problems.push(
      `ROLE is "${config.ROLE}" and DATABASE_URL is not set; processes that share the work need a database of their own`,
    )
  return problems
}
