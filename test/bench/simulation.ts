/** Discrete-event simulations of a large installation, from measured costs of single operations. */
import { backoff } from '../../client/base/backoff.ts'
import { createRandom } from '../faults/rig/random.ts'
import type { Figures } from './capacity-figures.ts'

/** Reads in one statement of a server, and statements of a server at once: `src/async/batch-loader.ts`. */
export const readsPerStatement = 500
export const statementsPerServer = 2
/** Transports that a client tries one after the other without a pause: WebSocket, event stream, polling. */
const transports = 3

/** A load on an installation. */
export interface Workload {
  readonly subscribers: number
  readonly subscribersPerTopic: number
  /** Events of each topic per second. */
  readonly eventsPerSecond: number
  /** Share of the subscribers that connect anew in each second, such as by loading a page. */
  readonly churnPerSecond: number
}

/** Properties of an installation that are chosen. */
export interface Choices {
  readonly subscribersPerServer: number
  /** Highest share of a core, or of a server's time, that is planned for. */
  readonly utilization: number
  /** `CHECK_MS`: each followed topic of each server is compared this often. */
  readonly checkMs: number
}

/** What a load needs. Cores are used fully; divide by the utilization to plan. */
export interface Needs {
  readonly topics: number
  readonly servers: number
  readonly serverCores: number
  readonly serverGigabytes: number
  /** Share of one server's core that live delivery uses. */
  readonly serverBusy: number
  /** Topics that each server follows. */
  readonly topicsPerServer: number
  readonly eventsPerSecond: number
  readonly databaseCores: number
  readonly walMegabytesPerSecond: number
  /** Part of `databaseCores` for the comparison with the log. */
  readonly comparisonCores: number
  readonly redisCores: number
  readonly redisGigabytes: number
  readonly pgbouncerCores: number
}

/** Resident memory of a server process without subscribers. */
export const processBytes = 175e6

/** Computes the servers, cores and memory that a load needs. */
export function dimension(load: Workload, figures: Figures, choices: Choices): Needs {
  const { subscribers, subscribersPerTopic } = load
  const topics = Math.ceil(subscribers / subscribersPerTopic)
  const eventsPerSecond = topics * load.eventsPerSecond
  const connects = subscribers * load.churnPerSecond
  const deliveryUs = subscribersPerTopic === 1 ? figures.serverOwnDeliveryUs : figures.serverSharedDeliveryUs
  const usesOf = (servers: number) => {
    // The subscribers of a topic are anywhere.
    const serversPerTopic = servers * (1 - (1 - 1 / servers) ** subscribersPerTopic)
    const messages = eventsPerSecond * serversPerTopic
    const us =
      subscribers * figures.serverIdleUsPerSecond +
      connects * figures.serverConnectUs +
      eventsPerSecond * subscribersPerTopic * deliveryUs +
      messages * figures.serverBusMessageUs
    return { serversPerTopic, messages, cores: us / 1e6 }
  }
  let servers = Math.max(2, Math.ceil(subscribers / choices.subscribersPerServer))
  // More servers receive more messages of a shared topic, so their number may have to grow with itself.
  while (usesOf(servers).cores > servers * choices.utilization) servers = Math.ceil(servers * 1.1)
  const { serversPerTopic, messages, cores } = usesOf(servers)
  const followed = topics * serversPerTopic
  const comparisons = (followed * 1_000) / choices.checkMs
  const comparisonCores = (comparisons * figures.postgresComparisonUs) / 1e6
  const statements = eventsPerSecond + (connects * 3) / readsPerStatement + comparisons / 1_000
  return {
    topics,
    servers,
    serverCores: cores,
    serverGigabytes: (subscribers * figures.serverBytesPerSubscriber + servers * processBytes) / 1e9,
    serverBusy: cores / servers,
    topicsPerServer: followed / servers,
    eventsPerSecond,
    comparisonCores,
    databaseCores:
      (eventsPerSecond * figures.postgresAppendUs + connects * figures.postgresConnectUs) / 1e6 + comparisonCores,
    walMegabytesPerSecond: (eventsPerSecond * figures.postgresAppendWalBytes) / 1e6,
    redisCores: (eventsPerSecond * figures.redisPublishUs + messages * figures.redisDeliveryUs) / 1e6,
    redisGigabytes: (followed * figures.redisBytesPerSubscription) / 1e9,
    pgbouncerCores: (statements * figures.pgbouncerStatementUs) / 1e6,
  }
}

/** A limit of one server, PostgreSQL, Redis or PgBouncer, each with one core, and the subscribers that reach it. */
export interface Limit {
  readonly component: 'server' | 'PostgreSQL' | 'Redis' | 'PgBouncer'
  readonly what: string
  readonly subscribers: number
}

/** Table and indexes of an event, in bytes: `npm run bench:events`. */
export const eventBytes = 435
/** Write-ahead log that a disk is expected to take, in bytes per second. */
const walBytesPerSecond = 100e6

/**
 * Computes the subscribers with which one of each component reaches each of its limits.
 *
 * @param choices.zones - of which one is lost
 * @param choices.proofMs - within which a client that reconnects must be served: the client's timing
 * @param choices.probeMs - within half of which the subscriptions at a Redis must be renewed: its probes wait behind them
 */
export function findLimits(
  load: Omit<Workload, 'subscribers'>,
  figures: Figures,
  choices: Choices & {
    readonly zones: number
    readonly proofMs: number
    readonly probeMs: number
    /** `RETENTION_HOURS`. */
    readonly retentionHours: number
  },
): readonly Limit[] {
  const { utilization, zones, proofMs, probeMs, checkMs, retentionHours } = choices
  const { churnPerSecond: churn } = load
  const topics = 1 / load.subscribersPerTopic
  const events = topics * load.eventsPerSecond
  const coreUs = utilization * 1e6
  const delivery = load.subscribersPerTopic === 1 ? figures.serverOwnDeliveryUs : figures.serverSharedDeliveryUs
  const serverUs =
    figures.serverIdleUsPerSecond +
    churn * figures.serverConnectUs +
    load.eventsPerSecond * delivery +
    events * figures.serverBusMessageUs
  const comparisons = (topics * 1_000) / checkMs
  const databaseUs =
    events * figures.postgresAppendUs + churn * figures.postgresConnectUs + comparisons * figures.postgresComparisonUs
  const statements = events + (churn * 3) / readsPerStatement + comparisons / 1_000
  return [
    { component: 'server', what: 'processor time', subscribers: coreUs / serverUs },
    {
      component: 'server',
      what: 'memory of 1 GB',
      subscribers: (1e9 - processBytes) / figures.serverBytesPerSubscriber,
    },
    {
      component: 'server',
      what: `clients of a lost zone, of ${zones}, that are served within ${proofMs / 1_000} s`,
      subscribers: ((zones - 1) * (1 - utilization) * proofMs * 1_000) / figures.serverResumeUs,
    },
    { component: 'PostgreSQL', what: 'processor time', subscribers: coreUs / databaseUs },
    {
      component: 'PostgreSQL',
      what: `a write-ahead log of ${walBytesPerSecond / 1e6} MB/s`,
      subscribers: walBytesPerSecond / (events * figures.postgresAppendWalBytes),
    },
    {
      component: 'PostgreSQL',
      what: `a disk of 1 TB, events kept for ${retentionHours} h`,
      subscribers: 1e12 / (events * 3_600 * retentionHours * eventBytes),
    },
    {
      component: 'Redis',
      what: 'processor time',
      subscribers: coreUs / (events * (figures.redisPublishUs + figures.redisDeliveryUs)),
    },
    {
      component: 'Redis',
      what: `subscriptions that are renewed within ${probeMs / 2_000} s after a failover`,
      subscribers: (probeMs * 500) / (topics * figures.redisSubscribeUs),
    },
    { component: 'Redis', what: 'memory of 1 GB', subscribers: 1e9 / (topics * figures.redisBytesPerSubscription) },
    {
      component: 'PgBouncer',
      what: 'processor time',
      subscribers: coreUs / (statements * figures.pgbouncerStatementUs),
    },
  ]
}

/** Clients that lost their servers at the same moment. */
export interface StormOptions {
  readonly clients: number
  /** Servers that are left. */
  readonly servers: number
  /** Share of a server's time that live delivery uses. */
  readonly serverBusy: number
  readonly databaseCores: number
  readonly databaseBusy: number
  readonly redisPrimaries: number
  readonly redisBusy: number
  /** The timing of the client: `client/base/timing.ts`. */
  readonly backoffMs: number
  readonly maxReconnectMs: number
  readonly proofMs: number
  /** Over which time the clients notice that their connection is lost: 0 when the sockets are reset. */
  readonly noticedWithinMs: number
  /** Time in which no server exists, so that every attempt fails at once. */
  readonly unavailableMs: number
  readonly seed: number
}

/** What happened in a storm. Times are in milliseconds. */
export interface Storm {
  readonly attempts: number
  /** Attempts that a server did not answer in time, and that were repeated. */
  readonly unanswered: number
  /** Attempts that failed at once, as no server existed: one for all transports. */
  readonly refused: number
  readonly longestServerMs: number
  /** Longest wait for what was missed, in a server and in PostgreSQL. */
  readonly longestDatabaseMs: number
  /** Bound of a statement: each server has a few at once, and the other reads wait in the servers. */
  readonly longestStatementMs: number
  readonly longestRedisMs: number
  /** Until 99 of 100 clients, and all, have what they missed. */
  readonly mostBackMs: number
  readonly allBackMs: number
  /** The share of clients that are back at the end of each {@link curveStepMs}. */
  readonly curve: readonly number[]
}

/** Time between two values of {@link Storm.curve}, in milliseconds. */
export const curveStepMs = 250
/** No client tries longer in a simulation. */
const horizonMs = 600_000

/**
 * Simulates the return of clients: each waits for its back-off, then for its turn at one of the servers, then for Redis to
 * subscribe its topic and for PostgreSQL to read what it missed. A client without an answer within `proofMs` tries its next
 * transport at once, and after the last one waits for its back-off.
 */
export function simulateStorm(options: StormOptions, figures: Figures): Storm {
  const { clients, servers, proofMs } = options
  const random = createRandom(options.seed)
  const serviceMs = figures.serverResumeUs / 1_000 / (1 - options.serverBusy)
  const readMs = figures.postgresResumeUs / 1_000 / (1 - options.databaseBusy)
  const subscribeMs = figures.redisSubscribeUs / 1_000 / (1 - options.redisBusy)
  const serverFreeAt = new Float64Array(servers)
  const redisFreeAt = new Float64Array(options.redisPrimaries)
  const database = createCores(options.databaseCores)
  const attemptsOf = new Uint16Array(clients)
  const longest = { server: 0, database: 0, redis: 0 }
  const backAt: number[] = []
  let attempts = 0
  let unanswered = 0
  let refused = 0
  /** A client number for an attempt, and its negative minus one for its read. */
  const events = createEvents()
  const pauseOf = (round: number): number => backoff(round, options.backoffMs, options.maxReconnectMs, random.next())
  for (let client = 0; client < clients; client++)
    events.add(random.next() * options.noticedWithinMs + pauseOf(1), client)
  for (let event = events.next(); event !== undefined; event = events.next()) {
    const { at, code } = event
    if (code < 0) {
      const readAt = database.take(at, readMs)
      longest.database = Math.max(longest.database, readAt - at)
      backAt.push(readAt)
      continue
    }
    attempts++
    if (at < options.unavailableMs) {
      refused++
      const failed = (attemptsOf[code] ?? 0) + transports
      attemptsOf[code] = failed
      events.add(at + pauseOf(1 + failed / transports), code)
      continue
    }
    const server = random.integer(0, servers - 1)
    const beginsAt = Math.max(at, serverFreeAt[server] ?? 0)
    if (beginsAt - at > proofMs) {
      // The server finds a closed socket when its turn comes, which costs nearly nothing.
      unanswered++
      longest.server = Math.max(longest.server, proofMs)
      const failed = (attemptsOf[code] ?? 0) + 1
      attemptsOf[code] = failed
      const pauseMs = failed % transports === 0 ? pauseOf(1 + failed / transports) : 0
      if (at + proofMs + pauseMs < horizonMs) events.add(at + proofMs + pauseMs, code)
      continue
    }
    const servedAt = beginsAt + serviceMs
    serverFreeAt[server] = servedAt
    longest.server = Math.max(longest.server, servedAt - at)
    const primary = random.integer(0, options.redisPrimaries - 1)
    const subscribedAt = Math.max(servedAt, redisFreeAt[primary] ?? 0) + subscribeMs
    redisFreeAt[primary] = subscribedAt
    longest.redis = Math.max(longest.redis, subscribedAt - servedAt)
    events.add(subscribedAt, -1 - code)
  }
  const sorted = Float64Array.from(backAt).sort()
  const lastMs = sorted.length === clients ? (sorted.at(-1) ?? 0) : Number.POSITIVE_INFINITY
  const curve: number[] = []
  for (let step = 1, back = 0; back < sorted.length; step++) {
    while (back < sorted.length && (sorted[back] ?? 0) <= step * curveStepMs) back++
    curve.push(back / clients)
  }
  return {
    attempts,
    unanswered,
    refused,
    longestServerMs: longest.server,
    longestDatabaseMs: longest.database,
    longestStatementMs: Math.min(
      longest.database,
      (servers * statementsPerServer * readsPerStatement * readMs) / options.databaseCores,
    ),
    longestRedisMs: longest.redis,
    mostBackMs: sorted[Math.ceil(clients * 0.99) - 1] ?? Number.POSITIVE_INFINITY,
    allBackMs: lastMs,
    curve,
  }
}

/** A failover of the database, which begins a new epoch: every topic is read again. */
export interface FailoverOptions {
  readonly topicsPerServer: number
  readonly servers: number
  readonly databaseCores: number
  /** Time without a primary. */
  readonly outageMs: number
  /** Tasks that users start. */
  readonly startsPerSecond: number
  /** How long a server holds a request while the database is unavailable, before it refuses it. */
  readonly heldMs: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
  readonly seed: number
}

/** What happened after a failover. Times are in milliseconds after the database returned. */
export interface Failover {
  readonly snapshotsMs: number
  readonly longestStatementMs: number
  /** Until the last start from during the outage was made. */
  readonly startsMs: number
  /** The longest that a start waited for PostgreSQL after it returned. */
  readonly longestStartMs: number
}

/** Simulates the return of a database: the snapshots with reason `RESET`, and the starts that had to wait. */
export function simulateFailover(options: FailoverOptions, figures: Figures): Failover {
  const random = createRandom(options.seed)
  const database = createCores(options.databaseCores)
  const longest = { statement: 0, start: 0 }
  let snapshotsMs = 0
  let startsMs = 0
  /** The number of a server for its next statement, and -1 for a start. */
  const events = createEvents()
  const unread = new Float64Array(options.servers).fill(options.topicsPerServer)
  for (let server = 0; server < options.servers; server++)
    for (let statement = 0; statement < statementsPerServer; statement++) events.add(0, server)
  const startsBefore = Math.round((options.startsPerSecond * options.outageMs) / 1_000)
  for (let start = 0; start < startsBefore; start++) events.add(returnOf(options, random.next), -1)
  for (let event = events.next(); event !== undefined; event = events.next()) {
    const { at, code } = event
    if (code < 0) {
      const madeAt = database.take(at, figures.postgresStartUs / 1_000)
      longest.start = Math.max(longest.start, madeAt - at)
      startsMs = Math.max(startsMs, madeAt)
      continue
    }
    const topics = Math.min(readsPerStatement, unread[code] ?? 0)
    if (topics <= 0) continue
    unread[code] = (unread[code] ?? 0) - topics
    const readAt = database.take(at, (topics * figures.postgresSnapshotUs) / 1_000)
    longest.statement = Math.max(longest.statement, readAt - at)
    snapshotsMs = Math.max(snapshotsMs, readAt)
    events.add(readAt, code)
  }
  return { snapshotsMs, longestStatementMs: longest.statement, startsMs, longestStartMs: longest.start }
}

/** Returns when a start from during the outage reaches the database that has returned, in milliseconds after that. */
function returnOf({ outageMs, heldMs, backoffMs, maxBackoffMs }: FailoverOptions, random: () => number): number {
  let at = random() * outageMs
  // Held by its server, refused, and sent again after a pause. One that is held is made when the database returns.
  for (let attempt = 1; at + heldMs < outageMs; attempt++)
    at += heldMs + backoff(attempt, backoffMs, maxBackoffMs, 0.5 + random() / 2)
  return Math.max(0, at - outageMs)
}

/** Cores that work on one operation each, first come, first served. */
function createCores(count: number): { take(at: number, ms: number): number } {
  const freeAt = createEvents()
  for (let core = 0; core < count; core++) freeAt.add(0, core)
  return {
    take(at, ms) {
      const core = freeAt.next() ?? { at: 0, code: 0 }
      const doneAt = Math.max(at, core.at) + ms
      freeAt.add(doneAt, core.code)
      return doneAt
    },
  }
}

interface TimedEvent {
  readonly at: number
  readonly code: number
}

/** Events in the order of their times: a binary heap. */
function createEvents(): { add(at: number, code: number): void; next(): TimedEvent | undefined } {
  const heap: TimedEvent[] = []
  const atOf = (index: number): number => heap[index]?.at ?? Number.POSITIVE_INFINITY
  return {
    add(at, code) {
      const event = { at, code }
      let index = heap.length
      heap.push(event)
      while (index > 0) {
        const parent = (index - 1) >> 1
        const other = heap[parent]
        if (other === undefined || other.at <= at) break
        heap[index] = other
        index = parent
      }
      heap[index] = event
    },
    next() {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined || heap.length === 0) return first
      let index = 0
      for (;;) {
        const left = 2 * index + 1
        const least = atOf(left + 1) < atOf(left) ? left + 1 : left
        const other = heap[least]
        if (other === undefined || other.at >= last.at) break
        heap[index] = other
        index = least
      }
      heap[index] = last
      return first
    },
  }
}
