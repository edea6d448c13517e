import type { Contestant } from './contestants.ts'
import { type LoadChild, readCpuMs, type ServerChild, startLoadChild, startServerChild } from './processes.ts'
import type { Share } from './servers/profile.ts'

/** A server with its load generator, connected. */
interface Stage extends AsyncDisposable {
  readonly server: ServerChild
  readonly load: LoadChild
  readonly port: number
  readonly tasks: readonly string[] | undefined
  readonly connectMs: number
}

/** The environment variables with the addresses of the servers' services. */
export type Environment = Readonly<Record<string, string>>

const settleMs = 300
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function stage(
  contestant: Contestant,
  environment: Environment,
  options: { readonly sockets: number; readonly topics: number },
): Promise<Stage> {
  await using stack = new AsyncDisposableStack()
  const { server, port, tasks } = await startServerChild(contestant.file, {
    BENCH_TOPICS: String(options.topics),
    ...environment,
  })
  stack.use(server)
  const load = stack.use(startLoadChild())
  load.on('received', ({ count }) => server.send({ is: 'received', count }))
  let connectMs = 0
  if (options.sockets > 0)
    connectMs = (
      await load.ask(
        { is: 'connect', port, tasks, dialect: contestant.dialect, concurrency: 100, ...options },
        'connected',
      )
    ).ms
  await sleep(settleMs)
  const opened = stack.move()
  return { server, load, port, tasks, connectMs, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Deliveries per second. */
export interface FanOutRates {
  /** One event per topic and turn of the event loop. */
  readonly oneByOne: number
  /** {@link saturatedPerTurn} events per topic and turn. */
  readonly saturated: number
  /**
   * The same per second of the server's processor time, which does not depend on what else the
   * machine does.
   */
  readonly oneByOneOfCpu: number
  readonly saturatedOfCpu: number
}

/** Events per topic in one turn of the event loop, when a server is saturated. */
export const saturatedPerTurn = 16

/** The warm-up time of a server: compiled code and full buffers are measured, as in production. */
const warmUpMs = 2_500

/** Measures deliveries per second while the server publishes as fast as the readers keep up. */
export async function measureFanOut(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly topics: number; readonly subscribers: number; readonly ms: number },
): Promise<FanOutRates> {
  const { topics, subscribers, ms } = shape
  const sockets = topics * subscribers
  await using on = await stage(contestant, environment, { sockets, topics })
  const flood = async (perTurn: number): Promise<{ readonly perSecond: number; readonly ofCpu: number }> => {
    const window = Math.max(sockets * perTurn * 3, 20_000)
    on.server.send({ is: 'flood', topics, subscribers, perTurn, window })
    await on.load.ask({ is: 'count', ms: warmUpMs }, 'counted')
    const before = await readCpuMs(on.server)
    const { count, ms: tookMs } = await on.load.ask({ is: 'count', ms }, 'counted')
    const after = await readCpuMs(on.server)
    await on.server.ask({ is: 'stop' }, 'stopped')
    await sleep(settleMs)
    return { perSecond: count / (tookMs / 1_000), ofCpu: count / ((after - before) / 1_000) }
  }
  const oneByOne = await flood(1)
  const saturated = await flood(saturatedPerTurn)
  return {
    oneByOne: oneByOne.perSecond,
    saturated: saturated.perSecond,
    oneByOneOfCpu: oneByOne.ofCpu,
    saturatedOfCpu: saturated.ofCpu,
  }
}

/** The distribution of a server's time. */
export interface Profile {
  readonly shares: readonly Share[]
  /** Processor time of the server per delivery. */
  readonly usPerDelivery: number
}

/** Profiles a server while it publishes as fast as the readers keep up. */
export async function profileFanOut(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly topics: number; readonly subscribers: number; readonly perTurn: number },
): Promise<Profile> {
  const { topics, subscribers, perTurn } = shape
  const sockets = topics * subscribers
  await using on = await stage(contestant, environment, { sockets, topics })
  on.server.send({ is: 'flood', topics, subscribers, perTurn, window: Math.max(sockets * perTurn * 3, 20_000) })
  await on.load.ask({ is: 'count', ms: warmUpMs }, 'counted')
  const profiling = on.server.ask({ is: 'profile', ms: 3_000 }, 'profiled')
  const before = await readCpuMs(on.server)
  const { count } = await on.load.ask({ is: 'count', ms: 2_500 }, 'counted')
  const after = await readCpuMs(on.server)
  // The generator keeps counting, otherwise the window would fill.
  const counting = on.load.ask({ is: 'count', ms: 1_500 }, 'counted')
  const { shares } = await profiling
  await counting
  await on.server.ask({ is: 'stop' }, 'stopped')
  return { shares, usPerDelivery: ((after - before) * 1_000) / count }
}

/** The latency of events at a fixed rate, in milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** The share of the expected events that arrived. */
  readonly arrived: number
  /** Processor time of the server for each delivery, in microseconds. */
  readonly cpuUs: number
}

/** Measures the latency from publishing to the client at a fixed rate, and the processor time. */
export async function measureLatency(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly topics: number; readonly subscribers: number; readonly perSecond: number; readonly ms: number },
): Promise<Latency> {
  const { topics, subscribers, perSecond, ms } = shape
  await using on = await stage(contestant, environment, { sockets: topics * subscribers, topics })
  on.server.send({ is: 'rate', topics, perSecond })
  await sleep(1_000)
  const latency = await lookAt(on, { perSecond, subscribers, ms })
  await on.server.ask({ is: 'stop' }, 'stopped')
  return latency
}

async function lookAt(
  { server, load }: Pick<Stage, 'server' | 'load'>,
  shape: { readonly perSecond: number; readonly subscribers: number; readonly ms: number },
): Promise<Latency> {
  const { perSecond, subscribers, ms } = shape
  const before = await readCpuMs(server)
  const { count, p50, p99, p999 } = await load.ask({ is: 'latency', ms }, 'latencies')
  const cpuUs = (((await readCpuMs(server)) - before) * 1_000) / count
  return { p50, p99, p999, arrived: count / ((perSecond * subscribers * ms) / 1_000), cpuUs }
}

/** The cost of idle subscribers, and how fast they connected. */
export interface Idle {
  readonly sockets: number
  readonly bytesPerSubscriber: number
  readonly heapBytesPerSubscriber: number
  readonly connectionsPerSecond: number
  /** Processor time of the server for each connection with its snapshot. */
  readonly connectCpuMs: number
  /** Processor time of what `readOtherCpuMs` reads, for each connection. */
  readonly otherConnectCpuMs: number
  /** Share of one core used while no events are published. */
  readonly core: number
}

/**
 * Measures the memory of idle subscribers, for growing numbers of them.
 *
 * @param shape.readOtherCpuMs - the processor time of other processes, such as a database
 */
export async function measureIdle(
  contestant: Contestant,
  environment: Environment,
  shape: {
    readonly sockets: readonly number[]
    readonly topics: number
    readonly idleMs: number
    readonly readOtherCpuMs?: () => Promise<number>
  },
): Promise<readonly Idle[]> {
  const { sockets, topics, idleMs, readOtherCpuMs = async () => 0 } = shape
  await using on = await stage(contestant, environment, { sockets: 0, topics })
  const connect = (count: number) =>
    on.load.ask(
      {
        is: 'connect',
        port: on.port,
        tasks: on.tasks,
        dialect: contestant.dialect,
        sockets: count,
        topics,
        concurrency: 100,
      },
      'connected',
    )
  // A first set of subscribers connects and disconnects: pools, caches and compiled code are not
  // part of the cost of a subscriber.
  await connect(200)
  await on.load.ask({ is: 'disconnect' }, 'disconnected')
  const before = await on.server.ask({ is: 'memory' }, 'memory')
  const idle: Idle[] = []
  let connected = 0
  for (const count of sockets) {
    const cpuUnconnected = await readCpuMs(on.server)
    const otherUnconnected = await readOtherCpuMs()
    const added = count - connected
    const { ms } = await connect(added)
    const connectionsPerSecond = added / (ms / 1_000)
    const connectCpuMs = ((await readCpuMs(on.server)) - cpuUnconnected) / added
    const otherConnectCpuMs = ((await readOtherCpuMs()) - otherUnconnected) / added
    connected = count
    await sleep(settleMs)
    const after = await on.server.ask({ is: 'memory' }, 'memory')
    const cpuBefore = await readCpuMs(on.server)
    await sleep(idleMs)
    const cpuAfter = await readCpuMs(on.server)
    idle.push({
      sockets: count,
      bytesPerSubscriber: (after.rssBytes - before.rssBytes) / count,
      heapBytesPerSubscriber: (after.heapBytes + after.externalBytes - before.heapBytes - before.externalBytes) / count,
      connectionsPerSecond,
      connectCpuMs,
      otherConnectCpuMs,
      core: (cpuAfter - cpuBefore) / idleMs,
    })
  }
  return idle
}

/** A server to which subscribers have connected before: with compiled code, as one that has been running. */
async function stageWarm(
  contestant: Contestant,
  environment: Environment,
  topics: number,
): Promise<Stage & { readonly join: (sockets: number) => Promise<{ readonly ms: number }> }> {
  await using stack = new AsyncDisposableStack()
  const on = stack.use(await stage(contestant, { ...environment, BENCH_APPEND: '1' }, { sockets: 0, topics }))
  const { load, port, tasks } = on
  const { dialect } = contestant
  const join = (sockets: number) =>
    load.ask({ is: 'connect', port, tasks, dialect, sockets, topics, concurrency: 100 }, 'connected')
  await join(2_000)
  await load.ask({ is: 'disconnect' }, 'disconnected')
  await sleep(settleMs)
  const opened = stack.move()
  return { ...on, join, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** The cost of subscribers that join. */
export interface Joining {
  /** Processor time of the server per subscriber: connection, authentication, subscription and, where there is one, snapshot. */
  readonly cpuMs: number
  readonly perSecond: number
}

/** Measures subscribers that connect and subscribe, a hundred at a time. */
export async function measureJoining(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly sockets: number; readonly topics: number },
): Promise<Joining> {
  await using on = await stageWarm(contestant, environment, shape.topics)
  const { sockets } = shape
  const before = await readCpuMs(on.server)
  const { ms } = await on.join(sockets)
  await sleep(settleMs)
  return { cpuMs: ((await readCpuMs(on.server)) - before) / sockets, perSecond: sockets / (ms / 1_000) }
}

/** Profiles a server while subscribers join: each function's own share of its busy time, the largest first. */
export async function profileJoining(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly sockets: number; readonly topics: number },
): Promise<readonly Share[]> {
  await using on = await stageWarm(contestant, environment, shape.topics)
  const profiling = on.server.ask({ is: 'profile', ms: 4_000 }, 'profiled')
  await on.join(shape.sockets)
  return (await profiling).shares
}

/** A reconnection storm. */
export interface Storm {
  /** Until all were connected and had received all missed events. */
  readonly ms: number
  /** The longest time for which the server's event loop was blocked. */
  readonly blockedMs: number
  /** Processor time of the server for each client. */
  readonly cpuMsPerClient: number
  /** Processor time of what `readOtherCpuMs` reads, for each client. */
  readonly otherCpuMsPerClient: number
  /** The 99th percentile of the latency of {@link others} before the storm, in milliseconds. */
  readonly othersBeforeMs: number
  /** The same from the begin of the storm on, for two seconds. */
  readonly othersDuringMs: number
}

/**
 * Subscribers of other topics, one each, with a load generator of their own, who are connected all the time, and the events per
 * second of all. A topic of its own for each: appends to one topic wait for each other.
 */
const others = { topics: 100, subscribers: 1, perSecond: 100, ms: 2_000 }

/**
 * Reconnects all clients at once; those of Tidings with cursors, each receiving the `missed` events
 * exactly.
 *
 * @param shape.topics - over which the clients are distributed; default 1
 * @param shape.readOtherCpuMs - the processor time of other processes, such as a database
 */
export async function measureStorm(
  contestant: Contestant,
  environment: Environment,
  shape: {
    readonly sockets: number
    readonly missed: number
    readonly topics?: number
    readonly readOtherCpuMs?: () => Promise<number>
  },
): Promise<Storm> {
  const { sockets, topics = 1, readOtherCpuMs = async () => 0 } = shape
  const missed = contestant.name === 'Tidings' ? shape.missed : 0
  const own = { ...environment, BENCH_APPEND: '1', BENCH_TOPICS: String(topics + others.topics) }
  await using on = await stage(contestant, own, { sockets, topics })
  await using otherLoad = startLoadChild()
  const { port, tasks } = on
  const { dialect } = contestant
  await otherLoad.ask(
    {
      is: 'connect',
      port,
      tasks,
      dialect,
      sockets: others.topics,
      topics: others.topics,
      firstTopic: topics,
      concurrency: 50,
    },
    'connected',
  )
  on.server.send({ is: 'rate', topics: others.topics, firstTopic: topics, perSecond: others.perSecond })
  const lookAtOthers = () => lookAt({ server: on.server, load: otherLoad }, others)
  await sleep(1_000)
  const before = await lookAtOthers()
  const publish = async (count: number): Promise<void> => {
    for (let topic = 0; topic < topics; topic++) await on.server.ask({ is: 'publish', topic, count }, 'published')
  }
  await publish(1)
  await on.load.ask({ is: 'await', count: 1 }, 'arrived')
  await on.load.ask({ is: 'disconnect' }, 'disconnected')
  if (missed > 0) await publish(missed)
  await sleep(settleMs)
  await on.server.ask({ is: 'loop' }, 'loop')
  const cpuBefore = await readCpuMs(on.server)
  const otherBefore = await readOtherCpuMs()
  const lookingAtOthers = lookAtOthers()
  const startedAt = performance.now()
  await on.load.ask(
    { is: 'connect', port, tasks, dialect, sockets, topics, concurrency: sockets, resume: true },
    'connected',
  )
  await on.load.ask({ is: 'await', count: missed }, 'arrived')
  const ms = performance.now() - startedAt
  const cpuMsPerClient = ((await readCpuMs(on.server)) - cpuBefore) / sockets
  const otherCpuMsPerClient = ((await readOtherCpuMs()) - otherBefore) / sockets
  const { maxMs } = await on.server.ask({ is: 'loop' }, 'loop')
  const during = await lookingAtOthers
  // All are live again: one more event reaches each client once.
  await publish(1)
  await on.load.ask({ is: 'await', count: missed + 1 }, 'arrived')
  await on.server.ask({ is: 'stop' }, 'stopped')
  const othersMs = { othersBeforeMs: before.p99, othersDuringMs: during.p99 }
  return { ms, blockedMs: maxMs, cpuMsPerClient, otherCpuMsPerClient, ...othersMs }
}

/**
 * Events of this size fill the buffers of the operating system for a reader within seconds, at a
 * rate that every server can sustain.
 */
const slowEventChars = 8_000

/** The cost of readers that have stopped reading. */
export interface SlowReaders {
  readonly bytes: number
  readonly without: Latency
  readonly beside: Latency
}

/**
 * Measures `stopped` readers that read nothing, beside 100 that do, on one topic at a fixed rate.
 */
export async function measureSlowReaders(
  contestant: Contestant,
  environment: Environment,
  shape: { readonly stopped: number; readonly perSecond: number; readonly ms: number },
): Promise<SlowReaders> {
  const { perSecond, ms } = shape
  const subscribers = 100
  const own = { BENCH_APPEND: '1', BENCH_PADDING: String(slowEventChars) }
  await using on = await stage(contestant, { ...environment, ...own }, { sockets: subscribers, topics: 1 })
  const look = (): Promise<Latency> => lookAt(on, { perSecond, subscribers, ms })
  on.server.send({ is: 'rate', topics: 1, perSecond })
  await sleep(1_000)
  const without = await look()
  const before = await on.server.ask({ is: 'memory' }, 'memory')
  await on.load.ask(
    {
      is: 'connect',
      port: on.port,
      tasks: on.tasks,
      dialect: contestant.dialect,
      sockets: shape.stopped,
      topics: 1,
      concurrency: 50,
      isStopped: true,
    },
    'connected',
  )
  await look()
  const beside = await look()
  const after = await on.server.ask({ is: 'memory' }, 'memory')
  await on.server.ask({ is: 'stop' }, 'stopped')
  return { bytes: after.rssBytes - before.rssBytes, without, beside }
}
