import { type Bench, isLogged, type Received, record } from './bench.ts'
import { findGap, quantile } from './statistics.ts'

/** What a check found. */
export interface Finding {
  readonly passed: boolean
  /** What was measured, in a sentence with its numbers. */
  readonly figures: string
}

/** What a self-test may do and what it expects. Times in milliseconds. */
export interface SelfTestLimits {
  /** Longest acceptable 99th percentile from the log to the client. @default 500 */
  readonly maxLatencyMs: number
  /** Least acceptable events a second in a burst. @default 50 */
  readonly minEventsPerSecond: number
  /** How long the stability check watches. @default 8000 */
  readonly stabilityMs: number
  /** Clients of the check with many connections. @default 25 */
  readonly connections: number
}

/** One check: harmless to the deployment, on tasks of its own. */
export interface Check {
  readonly name: string
  /** What it shows, in a sentence. */
  readonly shows: string
  run(bench: Bench, limits: SelfTestLimits): Promise<Finding>
}

const calm = { items: 40, everyMs: 50 } as const
/** After this the connection is open and what was missed is told. */
const settleMs = 300
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
const seqsOf = (received: readonly Received[]): number[] => received.filter(isLogged).map(({ event }) => event.seq)
const isWhole = (received: readonly Received[]): boolean =>
  seqsOf(received)[0] === 1 &&
  findGap(seqsOf(received)) === null &&
  received.at(-1)?.event.__typename === 'TaskCompleted'
const describeWhole = (received: readonly Received[]): string => {
  const seqs = seqsOf(received)
  const gap = findGap(seqs)
  return gap === null ? `${seqs.length} events without a gap` : `a gap before event ${gap}`
}

/** From the log to the client: the clocks need not agree, as the fastest event is taken for half a round trip. */
const latency: Check = {
  name: 'latency',
  shows: 'how long an event takes from the log to a client',
  async run(bench, { maxLatencyMs }) {
    const { client } = await bench.open()
    const taskId = await bench.start(client, calm)
    const all = (await record(client, taskId)).filter(isLogged)
    // What had happened before the connection was open is told late, and is not what is measured.
    const openedAt = all[0]?.receivedAt ?? 0
    const received = all.filter(({ receivedAt }) => receivedAt > openedAt + settleMs)
    const raw = received.map(({ event, receivedAt }) => receivedAt - Date.parse(event.at))
    const halfTripMs = (client.connection.getSnapshot().roundTripMs ?? 0) / 2
    const fastest = Math.min(...raw)
    const latencies = raw.map((value) => value - fastest + halfTripMs)
    const p99 = quantile(latencies, 0.99)
    return {
      passed: p99 <= maxLatencyMs,
      figures: `median ${ms(quantile(latencies, 0.5))}, 99th percentile ${ms(p99)} of ${latencies.length} events (at most ${ms(maxLatencyMs)})`,
    }
  },
}

const frequency: Check = {
  name: 'update frequency',
  shows: 'how many events a second come in a burst',
  async run(bench, { minEventsPerSecond }) {
    const { client } = await bench.open()
    const taskId = await bench.start(client, { items: 200, everyMs: 0, textLength: 200 })
    const received = await record(client, taskId)
    const spanMs = Math.max(1, (received.at(-1)?.receivedAt ?? 0) - (received[1]?.receivedAt ?? 0))
    const rate = (received.length / spanMs) * 1_000
    return {
      passed: rate >= minEventsPerSecond && isWhole(received),
      figures: `${rate.toFixed(0)} a second, ${describeWhole(received)} (at least ${minEventsPerSecond})`,
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
    const note = cuts === 0 ? `no socket to cut, as it is on ${transport ?? 'nothing'}` : `cut ${cuts} times`
    return { passed: isWhole(received), figures: `${note}, ${describeWhole(received)}` }
  },
}

const leaks: Check = {
  name: 'leaks',
  shows: 'that subscribing and leaving leaves nothing behind',
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

const stability: Check = {
  name: 'stability',
  shows: 'that a connection that is left alone stays',
  async run(bench, { stabilityMs }) {
    const { client } = await bench.open()
    const everyMs = 500
    const taskId = await bench.start(client, { items: Math.max(1, Math.round(stabilityMs / everyMs)), everyMs })
    let breaks = 0
    const heed = (): void => {
      const { status } = client.connection.getSnapshot()
      if (status === 'reconnecting' || status === 'offline' || status === 'closed') breaks++
    }
    const stop = client.connection.subscribe(heed)
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
    const whole = all.filter(isWhole).length
    const slowest = Math.max(
      ...all.map((received) => (received[0]?.receivedAt ?? Number.POSITIVE_INFINITY) - startedAt),
    )
    return {
      passed: whole === connections,
      figures: `${whole} of ${connections} saw everything; the last heard its first event after ${ms(slowest)}`,
    }
  },
}

/** All checks, in the order in which they run. */
export const checks: readonly Check[] = [
  latency,
  frequency,
  ordering,
  racing,
  recovery,
  reconnection,
  leaks,
  stability,
  manyConnections,
]
