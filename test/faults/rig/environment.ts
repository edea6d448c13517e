import { existsSync } from 'node:fs'
import { createTestDirectory } from '../../support/directory.ts'
import { startNginx, type TestNginx } from '../../support/nginx.ts'
import { findFreePort } from '../../support/port.ts'
import { startProcess, type TestProcess } from '../../support/processes.ts'
import { createTcpProxy, type TcpProxy } from '../../support/proxy.ts'
import type { TestRedis } from '../../support/redis.ts'
import type { Log, Restoration } from '../history/history.ts'
import { type RigPostgres, startRigPostgres } from './postgres.ts'
import { createRandom } from './random.ts'
import { type RedisLayout, type RigRedis, startRigRedis } from './redis.ts'

/** One process of the product: a server, or a worker. */
export interface RigProcess {
  readonly name: string
  readonly role: 'server' | 'worker'
  /** Its own port, past the proxy of its clients. */
  readonly port: number
  readonly toDatabase: TcpProxy
  /** Where its connections to several Redis servers come from. */
  readonly address: string
  readonly pid: number
  readonly isRunning: boolean
  /**
   * Starts it and waits until it is ready.
   *
   * @param sources - the directory of the sources; those of this checkout by default
   */
  start(sources?: URL): Promise<void>
  /** Sends a signal to it; SIGKILL and SIGTERM are awaited until it has ended. */
  signal(name: NodeJS.Signals): Promise<void>
  /** Does not count it as a crash when it exits before it is started again. */
  allowExit(): void
}

/** A server with the proxy between it and its clients. */
export interface RigServer extends RigProcess {
  readonly clients: TcpProxy
  /** The address for clients, behind the proxy. */
  readonly url: string
}

/** A log that was replaced by an older one, which it is read from at the end of the run. */
export interface RigRestoration extends Omit<Restoration, 'topics'> {
  /** How far the standby that became the primary was behind, in milliseconds; undefined for a backup. */
  readonly behindMs?: number
  /** Reads topics as they were. */
  readTopics(names: readonly string[]): Promise<Log['topics']>
}

/** Everything that runs: servers, workers, PostgreSQL, Redis, nginx, and the proxies between them. */
export interface Environment extends AsyncDisposable {
  readonly postgres: RigPostgres
  /** The one Redis. @throws Error with another layout of Redis */
  readonly redis: TestRedis
  /** The Redis of any layout. */
  readonly redisGroup: RigRedis
  readonly nginx: TestNginx
  /** Where clients reach any of the servers: nginx, or what replaces it. */
  readonly proxyUrl: string
  readonly servers: readonly RigServer[]
  readonly workers: readonly RigProcess[]
  /** All proxies, by what they connect. */
  readonly proxies: Readonly<Record<'clients' | 'database' | 'redis', readonly TcpProxy[]>>
  /** The share of pub/sub messages that are lost on the way, from 0 to 1. */
  messageLoss: number
  /** Processes that exited although nothing ended them, by their names. */
  readonly crashes: readonly string[]
  /** The latest backup that was restored, or failover that lost events. */
  restoration: RigRestoration | undefined
  /** Ends all faults of the network, and starts every process that does not run. */
  heal(): Promise<void>
  /** Resolves when the servers of each service are connected with each other again: a later fault needs replicas. */
  untilConnected(): Promise<void>
}

const ownSources = new URL('../../../', import.meta.url)
const clock = new URL('./clock.ts', import.meta.url)

/** Settings of every process of the product. `LEASE_MS` as in the aims for the recovery. */
const settings = {
  NODE_ENV: 'test',
  DATABASE_POOL: '6',
  SELF_TEST: 'true',
  FIRST_RUN: 'false',
  LOG_LEVEL: 'warn',
  LEASE_MS: '3000',
  SWEEP_MS: '500',
  DRAIN_MS: '4000',
  CONTENT_PACE_MS: '5',
  MAX_STARTS_PER_MINUTE: '1000000',
  MAX_RUNNING_PER_USER: '0',
  QUOTAS: 'documents=0,storageMb=0,roadmaps=0,quizzes=0,projects=0,sessions=0',
  MAX_SOCKETS_PER_VIEWER: '100000',
  MAX_SOCKETS_PER_ADDRESS: '100000',
  MAX_SUBSCRIPTIONS_PER_SOCKET: '1000',
  MAX_SOCKET_WORK: '1000000000',
  MAX_VIEWER_WORK: '1000000000',
  MAX_ADDRESS_WORK: '1000000000',
  CONCURRENCY: 'SELF_TEST=12',
}

/** Returns the setting without rate limits, as the load is one viewer at one address, for the sources' own classes. */
async function withoutRateLimits(sources: URL): Promise<string> {
  // Older versions have them in the second file.
  const [file] = ['src/rate-limits/rate-limit-classes.ts', 'src/rate-limit-classes.ts']
    .map((path) => new URL(path, sources))
    .filter((url) => existsSync(url))
  const { rateLimitClasses } = (await import(file?.href ?? '')) as { readonly rateLimitClasses: object }
  return Object.keys(rateLimitClasses)
    .map((name) => `${name}=0`)
    .join()
}

/**
 * Starts an environment on a new database.
 *
 * @param options.startPostgres - starts another than the embedded PostgreSQL
 * @param options.servers - default 2
 * @param options.workers - default 2
 * @param options.redis - default server
 * @param options.startProxy - starts what replaces nginx in front of the servers, of which it gets the ports
 */
export async function startEnvironment(
  options: {
    readonly servers?: number
    readonly workers?: number
    readonly redis?: RedisLayout
    readonly startPostgres?: () => Promise<RigPostgres>
    readonly startProxy?: (ports: readonly number[]) => Promise<AsyncDisposable & { readonly url: string }>
  } = {},
): Promise<Environment> {
  await using stack = new AsyncDisposableStack()
  const directory = stack.use(await createTestDirectory())
  const { startPostgres = () => startRigPostgres(directory.join('data')) } = options
  let messageLoss = 0
  const random = createRandom(1)
  const [postgres, redis] = await Promise.all([
    startPostgres(),
    startRigRedis(options.redis ?? 'server', () => random.next() < messageLoss),
  ])
  stack.use(postgres)
  stack.use(redis)
  const crashes: string[] = []
  let restoration: Environment['restoration']
  let isClosing = false
  const proxies = { clients: [] as TcpProxy[], database: [] as TcpProxy[], redis: redis.proxies }
  let addresses = 0

  const createProcess = async (name: string, role: 'server' | 'worker'): Promise<RigProcess> => {
    const address = `127.0.2.${++addresses}`
    const [port, previewPort, toDatabase, redisSettings] = await Promise.all([
      findFreePort(),
      findFreePort(),
      createTcpProxy(postgres.address),
      redis.settingsFor(address),
    ])
    proxies.database.push(toDatabase)
    let child: TestProcess | undefined
    let isRunning = false
    let isEnding = false
    stack.use(toDatabase)
    stack.defer(async () => child?.[Symbol.asyncDispose]())
    return {
      name,
      role,
      port,
      toDatabase,
      address,
      get isRunning() {
        return isRunning
      },
      get pid() {
        if (child === undefined) throw new Error(`${name} was not started`)
        return child.pid
      },
      async start(sources = ownSources) {
        const rateLimits = await withoutRateLimits(sources)
        const started = startProcess(new URL(role === 'server' ? 'src/main.ts' : 'src/worker.ts', sources), [], {
          ...settings,
          RATE_LIMITS: rateLimits,
          ...redisSettings,
          NODE_OPTIONS: `--import=${clock.href} ${redisSettings['NODE_OPTIONS'] ?? ''}`,
          ROLE: role,
          PORT: String(port),
          PREVIEW_PORT: String(previewPort),
          DATABASE_URL: postgres.urlAt(toDatabase.port),
        })
        child = started
        isRunning = true
        isEnding = false
        void started.ended.then((code) => {
          if (child !== started) return
          isRunning = false
          if (!isEnding && !isClosing) crashes.push(`${name} exited with ${code ?? 'a signal'}`)
        })
        await started.readUntil('ready in')
        drainOutput(started)
      },
      async signal(signal) {
        if (!isRunning || child === undefined) return
        const isFinal = signal === 'SIGKILL' || signal === 'SIGTERM'
        if (isFinal) isEnding = true
        child.kill(signal)
        if (isFinal) await child.ended
      },
      allowExit() {
        isEnding = true
      },
    }
  }
  const createServer = async (name: string): Promise<RigServer> => {
    const server = await createProcess(name, 'server')
    const clients = stack.use(await createTcpProxy(server.port))
    proxies.clients.push(clients)
    return Object.defineProperties(
      { clients, url: `http://127.0.0.1:${clients.port}` },
      Object.getOwnPropertyDescriptors(server),
    ) as RigServer
  }
  const servers: RigServer[] = []
  const workers: RigProcess[] = []
  for (let number = 1; number <= (options.servers ?? 2); number++) servers.push(await createServer(`server ${number}`))
  for (let number = 1; number <= (options.workers ?? 2); number++)
    workers.push(await createProcess(`worker ${number}`, 'worker'))
  const all: readonly RigProcess[] = [...servers, ...workers]
  // The first one migrates the database.
  await servers[0]?.start()
  await Promise.all(all.slice(1).map((process) => process.start()))
  await createArchive(postgres)
  const ports = servers.map(({ clients }) => clients.port)
  const nginx = stack.use(await startNginx(ports))
  const proxy = options.startProxy === undefined ? nginx : stack.use(await options.startProxy(ports))
  const opened = stack.move()
  return {
    postgres,
    get redis() {
      return redis.server
    },
    redisGroup: redis,
    nginx,
    proxyUrl: proxy.url,
    servers,
    workers,
    proxies,
    get messageLoss() {
      return messageLoss
    },
    set messageLoss(share) {
      messageLoss = share
    },
    crashes,
    get restoration() {
      return restoration
    },
    set restoration(latest) {
      restoration = latest
    },
    async heal() {
      messageLoss = 0
      await Promise.all(Object.values(proxies).flatMap((group) => group.map((proxy) => proxy.heal())))
      await postgres.start()
      await redis.heal()
      await Promise.all(all.filter(({ isRunning }) => !isRunning).map((process) => process.start()))
    },
    untilConnected: () => redis.untilConnected(),
    [Symbol.asyncDispose]: () => {
      isClosing = true
      return opened.disposeAsync()
    },
  }
}

/** Keeps every deleted event and topic, so that the checker knows the events that were pruned. */
async function createArchive(postgres: RigPostgres): Promise<void> {
  await postgres.query(`
    create schema if not exists rig;
    create table if not exists rig.event (like tidings.event);
    create table if not exists rig.topic (like tidings.topic);
    create table if not exists rig.task (like tidings.task);
    create or replace function rig.keep() returns trigger language plpgsql as $$ begin
      -- Without the number of a partition.
      execute format('insert into rig.%I select ($1).*', rtrim(tg_table_name, '_0123456789')) using old;
      return old;
    end $$;
    create or replace trigger keep before delete on tidings.event for each row execute function rig.keep();
    create or replace trigger keep before delete on tidings.topic for each row execute function rig.keep();
    create or replace trigger keep before delete on tidings.task for each row execute function rig.keep()`)
}

/** A full pipe would block a process with unread output. */
function drainOutput(child: TestProcess): void {
  const drain = async (): Promise<void> => {
    for (;;) await child.readLine()
  }
  // Ends with the process.
  drain().catch(() => undefined)
}
