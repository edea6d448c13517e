import { studioPlugins } from '../../client/apps/plugins.ts'
import { StartSelfTestDocument, type StartSelfTestInput } from '../../client/gql/graphql.ts'
import type { TaskEvent } from '../../client/reduce/task-state.ts'
import { createTidingsClient, type TidingsClient } from '../../client/tidings-client.ts'
import type { TransportName } from '../../client/transport/transport.ts'
import { createTestDatabase } from '../support/database.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'

/** One server process of a cluster; it can be killed and restarted on its port. */
export interface ServerNode {
  readonly url: string
  readonly port: number
  /** Where it serves previews of projects. */
  readonly previewPort: number
  readonly process: TestProcess
  /** Starts it (again) and waits until it is ready. */
  start(): Promise<void>
  kill(signal: NodeJS.Signals): Promise<void>
}

/** Several real server processes on one PostgreSQL and one Redis. */
export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly ServerNode[]
  readonly redis: TestRedis
  readonly databaseUrl: string
  /** Creates a client of one node, disposed with the cluster. */
  client(node: number): TidingsClient
  /** Creates a client of the proxy before the nodes, disposed with the cluster. */
  clientAt(url: string, transports?: readonly TransportName[]): TidingsClient
  /** Starts a self-test task over a node. */
  startTask(node: number, input: StartSelfTestInput): Promise<string>
}

/** Settings of one node. */
export type NodeEnvironment = Readonly<Record<string, string>>

const main = new URL('../../src/main.ts', import.meta.url)
const worker = new URL('../../src/worker.ts', import.meta.url)

/**
 * Starts a cluster. Each node is both server and worker unless its `ROLE` is set.
 *
 * @param environment - settings in addition to those of the tests; a function returns those of each
 * node by its number
 * @param options.running - how many nodes are started; all by default
 */
export async function startCluster(
  size: number,
  environment: NodeEnvironment | ((node: number) => NodeEnvironment) = {},
  options: { readonly running?: number } = {},
): Promise<Cluster> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase())
  const redis = stack.use(await startRedis())
  const on = { databaseUrl: database.url, redisUrl: redis.url }
  const processes = stack.use(await startProcesses(size, on, environment, options))
  const opened = stack.move()
  return { ...processes, redis, databaseUrl: database.url, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/**
 * Starts a cluster on a PostgreSQL and a Redis that run already.
 *
 * @param options - see {@link startCluster}
 */
export async function startProcesses(
  size: number,
  on: { readonly databaseUrl: string; readonly redisUrl: string },
  environment: NodeEnvironment | ((node: number) => NodeEnvironment) = {},
  options: { readonly running?: number } = {},
): Promise<Omit<Cluster, 'redis' | 'databaseUrl'>> {
  await using stack = new AsyncDisposableStack()
  const nodes = await Promise.all(
    Array.from({ length: size }, async (_, node): Promise<ServerNode> => {
      const [port, previewPort] = await Promise.all([findFreePort(), findFreePort()])
      const url = `http://127.0.0.1:${port}`
      let child: TestProcess | undefined
      stack.defer(async () => child?.[Symbol.asyncDispose]())
      return {
        url,
        port,
        previewPort,
        get process() {
          if (child === undefined) throw new Error('The node was not started')
          return child
        },
        async start() {
          const own = typeof environment === 'function' ? environment(node) : environment
          child = startProcess(own['ROLE'] === 'worker' ? worker : main, [], {
            NODE_ENV: 'test',
            PORT: String(port),
            PREVIEW_PORT: String(previewPort),
            DATABASE_URL: on.databaseUrl,
            DATABASE_POOL: '6',
            REDIS_URL: on.redisUrl,
            SELF_TEST: 'true',
            FIRST_RUN: 'false',
            LOG_LEVEL: 'warn',
            LEASE_MS: '2000',
            SWEEP_MS: '300',
            CHECK_MS: '1000',
            DRAIN_MS: '4000',
            ...own,
          })
          // Whatever it prints first, the banner is printed when it is ready.
          await child.readUntil('ready in')
          drainOutput(child)
        },
        async kill(signal) {
          child?.kill(signal)
          await child?.ended
        },
      }
    }),
  )
  await Promise.all(nodes.slice(0, options.running).map((node) => node.start()))
  const opened = stack.move()
  const clients = new Set<TidingsClient>()
  const clientAt: Cluster['clientAt'] = (url, transports) => {
    const made = createTidingsClient({
      plugins: studioPlugins,
      url: `${url}/graphql`,
      storage: null,
      cache: 'none',
      timing: { backoffMs: 20, maxBackoffMs: 200, lingerMs: 50 },
      ...(transports === undefined ? {} : { transports }),
    })
    clients.add(made)
    return made
  }
  const client = (node: number): TidingsClient => {
    const url = nodes[node]?.url
    if (url === undefined) throw new RangeError(`There is no node ${node}`)
    return clientAt(url)
  }
  return {
    nodes,
    client,
    clientAt,
    startTask: (node, input) => startSelfTest(client(node), input),
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients].map((one) => one.dispose()))
      await opened.disposeAsync()
    },
  }
}

/** Starts a self-test task. @returns its id */
export async function startSelfTest(client: TidingsClient, input: StartSelfTestInput): Promise<string> {
  const { data, error } = await client.urql.mutation(StartSelfTestDocument, { input }).toPromise()
  if (data?.startSelfTest.__typename !== 'StartSelfTestSuccess')
    throw new Error(data?.startSelfTest.message ?? error?.message ?? 'no answer')
  return data.startSelfTest.task.id
}

/** A full pipe would block a process with unread output. */
function drainOutput(child: TestProcess): void {
  const drain = async (): Promise<void> => {
    for (;;) await child.readLine()
  }
  // Ends with the process.
  drain().catch(() => undefined)
}

/** The events seen by a subscriber so far, and a promise of the complete sequence. */
export interface Sight {
  readonly seen: readonly TaskEvent[]
  readonly whole: Promise<readonly TaskEvent[]>
  /** Resolves when `count` items were seen to complete. */
  items(count: number): Promise<void>
}

/** Follows a task from its beginning to its end. */
export function watchWhole(client: TidingsClient, taskId: string): Sight {
  const seen: TaskEvent[] = []
  const waiting = new Set<() => void>()
  const whole = (async () => {
    for await (const event of client.watchTask(taskId, { fromStart: true })) {
      seen.push(event)
      for (const look of waiting) look()
    }
    return seen
  })()
  whole.catch(() => undefined)
  return {
    seen,
    whole,
    items: (count) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (seen.filter(({ __typename }) => __typename === 'TaskItemCompleted').length < count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        whole.then(look, reject)
        look()
      }),
  }
}

/** Returns the seen events of the log as text that shows every difference. */
export function logOf(seen: readonly TaskEvent[]): readonly string[] {
  return seen
    .filter(({ __typename }) => __typename !== 'TaskQueueMoved' && __typename !== 'TaskSnapshot')
    .map(({ seq, __typename, cursor, status }) => `${seq} ${__typename} ${status} ${cursor}`)
}
