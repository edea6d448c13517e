import type { Share } from './servers/profile.ts'

/** The client protocol of a benchmark server. */
export type Dialect = 'bare' | 'graphql' | 'socketio'

/** The commands for a benchmark server, over the channel to its parent. */
export type ServerCommand =
  /**
   * Publishes one event to each of `topics` topics, `perTurn` times per turn of the event loop, as
   * fast as readers keep up.
   */
  | {
      readonly is: 'flood'
      readonly topics: number
      readonly subscribers: number
      readonly perTurn: number
      /** Deliveries that may be in flight: published and not yet counted by the load generator. */
      readonly window: number
    }
  /** Publishes `perSecond` events in total, to `topics` topics in turn, from number `firstTopic` (0 by default) on. */
  | { readonly is: 'rate'; readonly topics: number; readonly perSecond: number; readonly firstTopic?: number }
  /** Deliveries that the load generator has counted since the flood began. */
  | { readonly is: 'received'; readonly count: number }
  | { readonly is: 'stop' }
  /** Collects garbage and reports the memory. */
  | { readonly is: 'memory' }
  /** Publishes `count` events to one topic, once, and reports when they have been sent. */
  | { readonly is: 'publish'; readonly topic: number; readonly count: number }
  /** Reports the longest time for which the event loop was blocked since the last report. */
  | { readonly is: 'loop' }
  /** Reports the processor time used since the start. */
  | { readonly is: 'cpu' }
  /** Profiles the server for `ms` and reports the distribution of its time. */
  | { readonly is: 'profile'; readonly ms: number }

/**
 * The reports of a server: `ready` once, and one for each `memory`, `publish`, `loop`, `cpu`,
 * `profile` and `stop`.
 */
export type ServerReport =
  | { readonly is: 'ready'; readonly port: number; readonly tasks?: readonly string[] }
  | { readonly is: 'memory'; readonly rssBytes: number; readonly heapBytes: number; readonly externalBytes: number }
  | { readonly is: 'published' }
  /** Each function's own share of the busy time, the largest first. */
  | { readonly is: 'profiled'; readonly shares: readonly Share[] }
  | { readonly is: 'loop'; readonly maxMs: number }
  | { readonly is: 'cpu'; readonly ms: number }
  | { readonly is: 'stopped'; readonly published: number }

/** The commands for the load generator. */
export type LoadCommand =
  | {
      readonly is: 'connect'
      readonly port: number
      readonly dialect: Dialect
      /** One socket each, spread evenly over the topics. */
      readonly sockets: number
      readonly topics: number
      /** The number of the first of these topics; 0 by default. */
      readonly firstTopic?: number
      readonly tasks?: readonly string[] | undefined
      /** How many connect at the same time. */
      readonly concurrency: number
      /** Opens sockets and subscribes, but stops reading them as soon as they are subscribed. */
      readonly isStopped?: boolean
      /** Resumes every topic from its last cursor. */
      readonly resume?: boolean
    }
  /** Counts for `ms`, reporting the count to the parent periodically. */
  | { readonly is: 'count'; readonly ms: number }
  /** Collects the time from publishing to arrival of each event, for `ms`. */
  | { readonly is: 'latency'; readonly ms: number }
  /**
   * Resolves when each reading socket has received `count` events in total since it was connected.
   */
  | { readonly is: 'await'; readonly count: number }
  | { readonly is: 'disconnect' }

/** The reports of the load generator. */
export type LoadReport =
  | { readonly is: 'connected'; readonly ms: number; readonly sockets: number }
  | { readonly is: 'received'; readonly count: number }
  | { readonly is: 'counted'; readonly count: number; readonly bytes: number; readonly ms: number }
  | {
      readonly is: 'latencies'
      readonly count: number
      readonly p50: number
      readonly p99: number
      readonly p999: number
    }
  | { readonly is: 'arrived'; readonly ms: number; readonly closed: number }
  | { readonly is: 'disconnected' }

/** The subscription of the benchmark: twelve fields, an interface, fragments. */
export const query = `subscription Watch($taskId: ID!, $after: Cursor) {
  taskProgress(taskId: $taskId, after: $after) {
    __typename cursor seq at status
    progress { percent stage message completedItems failedItems totalItems remainingMs }
    ... on TaskItemCompleted { item { key label status } }
    ... on TaskOutput { stream offset text }
    ... on TaskFailed { error { code message } }
  }
}`

/** Characters that enlarge the events of a case. */
const padding = 'x'.repeat(Number(process.env['BENCH_PADDING'] ?? '0'))

/**
 * Returns the payload of event number `seq` of a topic. Its message begins with the time of
 * publishing, in nanoseconds.
 */
export function eventPayload(seq: number): { readonly status: string; readonly progress: Record<string, unknown> } {
  return {
    status: 'RUNNING',
    progress: {
      percent: (seq * 7) % 100,
      stage: 'generating',
      stagePercent: (seq * 3) % 100,
      message: `t=${process.hrtime.bigint()}= Writing the tutorial of the concept at hand, with its resources and quiz${padding}`,
      completedItems: seq % 120,
      failedItems: 0,
      totalItems: 120,
      startedAt: null,
      remainingMs: 120_000,
    },
  }
}

/**
 * Returns the message that a server without GraphQL sends for an event: the same text as the
 * others' payload.
 */
export function plainMessage(topic: number, seq: number): string {
  const { progress, status } = eventPayload(seq)
  const { stagePercent: _, startedAt: _startedAt, ...shown } = progress
  return JSON.stringify({
    type: 'next',
    payload: {
      data: {
        taskProgress: {
          __typename: 'TaskAdvanced',
          cursor: `bench-${topic}-${seq}`,
          seq,
          at: new Date().toISOString(),
          status,
          progress: shown,
        },
      },
    },
  })
}
