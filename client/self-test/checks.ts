import { CancelTaskDocument, SelfTestCountsDocument } from '../gql/graphql.ts'
import type { TidingsClient, TransportName } from '../index.ts'
import { type Bench, isLogged, type Received, record } from './bench.ts'
import { findGap, quantile } from './statistics.ts'

/** The outcome of a check. */
export interface Finding {
  readonly passed: boolean
  /** The measured values, as a sentence. */
  readonly figures: string
}

/** The limits and expectations of a self-test. Times in milliseconds. */
export interface SelfTestLimits {
  /**
   * Longest acceptable 99th percentile from the log to the client, estimated from above by adding a
   * round trip. @default 500
   */
  readonly maxLatencyMs: number
  /** Lowest acceptable number of events per second in a burst. @default 50 */
  readonly minEventsPerSecond: number
  /** How long the stability check runs. @default 8000 */
  readonly stabilityMs: number
  /** Number of clients in the check with many connections. @default 25 */
  readonly connections: number
  /**
   * Longest wait until the servers' counts are back at their earlier values; each server reports
   * within about a second.
   * @default 15000
   */
  readonly serverCountsMs: number
}

/** One check: harmless to the deployment, on tasks of its own. */
interface Check {
  readonly name: string
  /** The property it checks, as a clause. */
  readonly shows: string
  /** The transport it tests; skipped where that transport is not allowed. */
  readonly transport?: TransportName
  run(bench: Bench, limits: SelfTestLimits): Promise<Finding>
}

const calm = { items: 40, everyMs: 50 } as const
/** After this time the connection is open and missed events have been delivered. */
const settleMs = 300
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
const seqsOf = (received: readonly Received[]): number[] => received.filter(isLogged).map(({ event }) => event.seq)
const isWhole = (received: readonly Received[]): boolean =>
  seqsOf(received)[0] === 1 &&
  findGap(seqsOf(received)) === null &&
  received.at(-1)?.event.__typename === 'TaskCompleted'
/** Excludes events from before the connection was open: those are a replay. */
const onlyLive = (received: readonly Received[]): readonly Received[] => {
  const loggedEvents = received.filter(isLogged)
  const openedAt = loggedEvents[0]?.receivedAt ?? 0
  return loggedEvents.filter(({ receivedAt }) => receivedAt > openedAt + settleMs)
}
/** Returns the rate per second of events at the given times in milliseconds. */
const rateOf = (times: readonly number[]): number =>
  times.length < 2 ? 0 : ((times.length - 1) / Math.max(1, (times.at(-1) ?? 0) - (times[0] ?? 0))) * 1_000
const describeWhole = (received: readonly Received[]): string => {
  const seqs = seqsOf(received)
  const gap = findGap(seqs)
  return gap === null ? `${seqs.length} events without a gap` : `a gap before event ${gap}`
}

/** The number of attempts after which a transport counts as blocked. */
const maxAttempts = 3
const maxProofMs = 10_000

/** Checks whether one transport works, and measures its round trip. */
function checkTransport(transport: TransportName): Check {
  return {
    name: `transport ${transport}`,
    shows: `that the ${transport} transport works`,
    transport,
    async run(bench) {
      const { client } = await bench.open(transport)
      const taskId = await bench.start(client, { items: 10, everyMs: 20 })
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(), maxProofMs)
      let reason: string | null = null
      const stop = client.connection.subscribe(() => {
        const { status, attempt, reason: latestReason } = client.connection.getSnapshot()
        if (latestReason !== null && attempt > 0) reason = latestReason
        if (status === 'live' || status === 'degraded') clearTimeout(timer)
        if (attempt >= maxAttempts || status === 'closed') controller.abort()
      })
      const received = await record(client, taskId, controller.signal).catch((error: unknown): Received[] => {
        reason ??= String(error)
        return []
      })
      stop()
      clearTimeout(timer)
      if (received.length === 0) return { passed: false, figures: `does not work: ${reason ?? 'no event came'}` }
      const roundTripMs = await bench.measureRoundTrip(transport)
      return { passed: isWhole(received), figures: `${describeWhole(received)}, round trip ${ms(roundTripMs)}` }
    },
  }
}

/**
 * Measures from the log to the client. The clocks need not agree: the fastest event is assumed to
 * take a whole round trip, which is an upper bound for one way, even when one direction is slower
 * than the other.
 */
const latency: Check = {
  name: 'latency',
  shows: 'how long an event takes from the log to a client',
  async run(bench, { maxLatencyMs }) {
    const { client } = await bench.open()
    const taskId = await bench.start(client, calm)
    const received = onlyLive(await record(client, taskId))
    const raw = received.map(({ event, receivedAt }) => receivedAt - Date.parse(event.at))
    const { transport } = client.connection.getSnapshot()
    const roundTripMs = await bench.measureRoundTrip(transport)
    const fastest = Math.min(...raw)
    const latencies = raw.map((value) => value - fastest + roundTripMs)
    const p99 = quantile(latencies, 0.99)
    return {
      passed: p99 <= maxLatencyMs,
      figures: `median ${ms(quantile(latencies, 0.5))}, 99th percentile ${ms(p99)} of ${latencies.length} events on ${transport ?? 'nothing'}, with a round trip of ${ms(roundTripMs)} (at most ${ms(maxLatencyMs)})`,
    }
  },
}

const frequency: Check = {
  name: 'update frequency',
  shows: 'how many events a second come while they happen',
  async run(bench, { minEventsPerSecond }) {
    const { client } = await bench.open()
    const taskId = await bench.start(client, { items: 120, everyMs: 5, textLength: 200 })
    const all = await record(client, taskId)
    const received = onlyLive(all)
    const rate = rateOf(received.map(({ receivedAt }) => receivedAt))
    const sourceRate = rateOf(received.map(({ event }) => Date.parse(event.at)))
    return {
      passed: rate >= minEventsPerSecond && isWhole(all),
      figures: `${rate.toFixed(0)} a second of ${sourceRate.toFixed(0)} that happened, ${describeWhole(all)} (at least ${minEventsPerSecond})`,
    }
  },
}

const ordering: Check = {
  name: 'ordering',
  shows: 'that several watchers see the same events in the same order, each once',
  async run(bench) {
    const watchers = await Promise.all([bench.open(), bench.open(), bench.open()])
    const [first] = watchers
    if (first === undefined) return { passed: false, figures: 'no watcher' }
    const taskId = await bench.start(first.client, { items: 60, everyMs: 10 })
    const all = await Promise.all(watchers.map(({ client }) => record(client, taskId)))
    const sequences = all.map((received) =>
      received
        .filter(isLogged)
        .map(({ event }) => `${event.seq} ${event.__typename} ${event.cursor}`)
        .join('\n'),
    )
    const isSame = sequences.every((sequence) => sequence === sequences[0])
    return {
      passed: isSame && all.every(isWhole),
      figures: `${watchers.length} watchers, ${isSame ? 'the same' : 'NOT the same'} ${describeWhole(all[0] ?? [])}`,
    }
  },
}

const racing: Check = {
  name: 'racing updates',
  shows: 'that tasks that run at once do not mix on one connection',
  async run(bench) {
    const { client } = await bench.open()
    const count = 5
    const ids = await Promise.all(Array.from({ length: count }, () => bench.start(client, { items: 40, everyMs: 5 })))
    const all = await Promise.all(ids.map((id) => record(client, id)))
    const strays = all.flatMap((received, index) => received.filter(({ event }) => event.taskId !== ids[index])).length
    return {
      passed: strays === 0 && all.every(isWhole),
      figures: `${count} tasks, ${all.reduce((sum, received) => sum + received.length, 0)} events, ${strays} astray`,
    }
  },
}

const recovery: Check = {
  name: 'recovery from errors',
  shows: 'that a failure that may pass is tried again visibly, and a final one is told with its reason',
  async run(bench) {
    const { client } = await bench.open()
    const [retrying, failing] = await Promise.all([
      bench.start(client, { items: 10, everyMs: 10, failAfter: 5, retryable: true }),
      bench.start(client, { items: 10, everyMs: 10, failAfter: 5, retryable: false }),
    ])
    const [retried, failed] = await Promise.all([record(client, retrying), record(client, failing)])
    const hasRetried = retried.some(({ event }) => event.__typename === 'TaskRetrying') && isWhole(retried)
    const last = failed.at(-1)?.event
    const hasFailed =
      last?.__typename === 'TaskFailed' && last.error.code === 'SELF_TEST_FAILURE' && last.error.advice !== null
    return {
      passed: hasRetried && hasFailed,
      figures: `${hasRetried ? 'tried again and completed' : 'NOT tried again'}; ${hasFailed ? 'failed with code and advice' : 'the failure was NOT told'}`,
    }
  },
}

const reconnection: Check = {
  name: 'reconnection',
  shows: 'that a connection that is cut resumes without losing or repeating an event',
  async run(bench) {
    const { client, cut } = await bench.open()
    const taskId = await bench.start(client, calm)
    let cuts = 0
    const received: Received[] = []
    for await (const event of client.watchTask(taskId, { fromStart: true })) {
      received.push({ event, receivedAt: Date.now() })
      if (received.length % 25 === 10) cuts += cut()
    }
    const { transport } = client.connection.getSnapshot()
    // Polling has no lasting connection.
    const hasBeenCut = cuts > 0 || transport === 'polling'
    return {
      passed: hasBeenCut && isWhole(received),
      figures: `cut ${cuts} times on ${transport ?? 'nothing'}, ${describeWhole(received)}`,
    }
  },
}

const leaks: Check = {
  name: 'leaks',
  shows: 'that subscribing and leaving leaves nothing behind in the client',
  async run(bench) {
    const own = await bench.open()
    const taskId = await bench.start(own.client, { items: 100, everyMs: 20 })
    const rounds = 50
    for (let round = 0; round < rounds; round++) for await (const _ of own.client.watchTask(taskId)) break
    const during = own.openSockets
    await own.client.dispose()
    const closing = Date.now()
    while (own.openSockets > 0 && Date.now() - closing < 5_000) await new Promise((resolve) => setTimeout(resolve, 20))
    return {
      passed: during <= 1 && own.openSockets === 0,
      figures: `${rounds} subscriptions on ${during} socket${during === 1 ? '' : 's'}, ${own.openSockets} open after closing`,
    }
  },
}

/** How long the servers' counts may lag behind. */
const countsLagMs = 2_000
const pause = (waitMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, waitMs))

/** The viewer's connections and the task subscriptions, as counted by the servers. */
interface ServerCounts {
  readonly connections: number
  readonly subscriptions: number
}

async function readCounts(client: TidingsClient): Promise<ServerCounts> {
  const { data, error } = await client.urql
    .query(SelfTestCountsDocument, {}, { requestPolicy: 'network-only' })
    .toPromise()
  if (data === undefined)
    throw new Error(`The server does not return its counts: ${error?.message ?? 'no answer'}; give an admin's token`)
  const { byViewer, byField } = data.connectionStats
  const userId = data.viewer?.id ?? null
  return {
    connections: byViewer.find((count) => count.userId === userId)?.connections ?? 0,
    subscriptions: byField.find(({ name }) => name === 'taskProgress')?.subscriptions ?? 0,
  }
}

const serverLeaks: Check = {
  name: 'server leaks',
  shows: 'that subscribing and leaving leaves nothing behind in the servers, by their own counts',
  async run(bench, { serverCountsMs }) {
    const { client } = await bench.open()
    // The own connection stays open, so that it is in both counts.
    const stop = client.connection.subscribe(() => undefined)
    // Connections that were closed recently are still counted.
    await pause(countsLagMs)
    const before = await readCounts(client)
    const rounds = 20
    const watchers = await Promise.all(Array.from({ length: 5 }, () => bench.open()))
    const taskId = await bench.start(client, { items: 300, everyMs: 100 })
    const roundCounts = await Promise.all(
      watchers.map(async (watcher) => {
        for (let round = 0; round < rounds; round++) for await (const _ of watcher.client.watchTask(taskId)) break
        await watcher.client.dispose()
        return rounds
      }),
    )
    // Without this pause, the counts from before would be read again.
    await pause(countsLagMs)
    const startedAt = Date.now()
    let after = await readCounts(client)
    const isBack = (): boolean => after.connections <= before.connections && after.subscriptions <= before.subscriptions
    while (!isBack() && Date.now() - startedAt < serverCountsMs) {
      await pause(200)
      after = await readCounts(client)
    }
    await client.urql.mutation(CancelTaskDocument, { id: taskId }).toPromise()
    stop()
    const total = roundCounts.reduce((sum, count) => sum + count, 0)
    return {
      passed: isBack(),
      figures: `${total} subscriptions of ${watchers.length} clients; connections ${before.connections} before, ${after.connections} after; subscriptions ${before.subscriptions} before, ${after.subscriptions} after`,
    }
  },
}

const stability: Check = {
  name: 'stability',
  shows: 'that a connection that is left alone stays',
  async run(bench, { stabilityMs }) {
    const { client } = await bench.open()
    const everyMs = 500
    const taskId = await bench.start(client, { items: Math.max(1, Math.round(stabilityMs / everyMs)), everyMs })
    let breaks = 0
    let hasWorked = false
    // A transport that does not work at all is reported by another check.
    const count = (): void => {
      const { status } = client.connection.getSnapshot()
      if (status === 'live' || status === 'degraded') hasWorked = true
      else if (hasWorked && status !== 'connecting') breaks++
    }
    const stop = client.connection.subscribe(count)
    const received = await record(client, taskId)
    stop()
    const { transport } = client.connection.getSnapshot()
    return {
      passed: breaks === 0 && isWhole(received),
      figures: `${(stabilityMs / 1_000).toFixed(0)} s on ${transport ?? 'nothing'}, ${breaks} breaks, ${describeWhole(received)}`,
    }
  },
}

const manyConnections: Check = {
  name: 'many connections',
  shows: 'that many clients watch one task and all see all of it',
  async run(bench, { connections }) {
    const watchers = await Promise.all(Array.from({ length: connections }, () => bench.open()))
    const [first] = watchers
    if (first === undefined) return { passed: false, figures: 'no connection' }
    const startedAt = Date.now()
    const taskId = await bench.start(first.client, { items: 30, everyMs: 50 })
    const all = await Promise.all(watchers.map(({ client }) => record(client, taskId)))
    const completeCount = all.filter(isWhole).length
    const slowest = Math.max(
      ...all.map((received) => (received[0]?.receivedAt ?? Number.POSITIVE_INFINITY) - startedAt),
    )
    return {
      passed: completeCount === connections,
      figures: `${completeCount} of ${connections} saw everything; the last heard its first event after ${ms(slowest)}`,
    }
  },
}

/** All checks, in the order in which they run. */
export const checks: readonly Check[] = [
  checkTransport('websocket'),
  checkTransport('sse'),
  checkTransport('polling'),
  latency,
  frequency,
  ordering,
  racing,
  recovery,
  reconnection,
  leaks,
  serverLeaks,
  stability,
  manyConnections,
]
