import { backoff, readRetryAfter } from '../base/backoff.ts'
import { after } from '../base/environment.ts'
import type { Timing } from '../base/timing.ts'
import { isUnknownToServer, newerThanServer } from '../transport/generated.ts'
import { marksOf } from '../transport/marks.ts'
import type { RequestBody, StreamResult, Subscriber, TransportConnection } from '../transport/transport.ts'
import { createResumption } from './resume.ts'

/** Receives the results of one subscription. */
export interface ResultSink {
  next(result: StreamResult): void
  /** Called when no further result follows. */
  complete(): void
}

/** Options of a subscription. */
export interface SubscriptionOptions {
  /** Whether its document was generated from the schema. @default false */
  readonly isGenerated?: boolean
}

/** The subscriptions of a client, as they move from one connection to the next. */
interface Subscriptions {
  readonly count: number
  /** Adds a subscription. @returns a function that ends it */
  add(body: RequestBody, sink: ResultSink, options?: SubscriptionOptions): () => void
  /** Attaches all of them to the current connection. @returns whether there were any */
  attach(): boolean
  /** Detaches all of them. */
  detach(): void
  /** Returns the operation of one of them, to probe a transport with; null when there is none. */
  trial(): RequestBody | null
  /** Returns why one of them is not served now although the transport works; null when all are. */
  problem(): string | null
  /** Completes all of them. */
  dispose(): void
}

interface Subscription {
  start(): void
  stop(): void
  complete(): void
  body(): RequestBody
  /** The server's message when it temporarily refused the subscription; null otherwise. */
  refusal(): string | null
}

/** Codes of refusals that may be temporary. */
const passingCodes: readonly unknown[] = ['RATE_LIMITED', 'UNAVAILABLE', 'SHUTTING_DOWN']

/**
 * Creates the list of subscriptions.
 *
 * @param options.session - returns the connection that they are attached to now
 * @param options.onCount - called after their number has changed
 */
export function createSubscriptions(options: {
  readonly timing: Timing
  readonly session: () => TransportConnection | undefined
  readonly onCount: () => void
}): Subscriptions {
  const { timing, session, onCount } = options
  const all = new Set<Subscription>()

  const add = (body: RequestBody, sink: ResultSink, options: SubscriptionOptions = {}): (() => void) => {
    const resumption = createResumption(body)
    /** The subscriber on the current connection; results from earlier connections are ignored. */
    let current: Subscriber | undefined
    let detach: () => void = () => undefined
    let stopTimer: () => void = () => undefined
    let refusals = 0
    /** Whether a terminal result was delivered. */
    let isOver = false
    let refusal: string | null = null
    /** When the server first found the generated document invalid. */
    let unknownSince: number | undefined

    const stop = (): void => {
      current = undefined
      stopTimer()
      detach()
      detach = () => undefined
    }
    const leave = (): void => {
      stop()
      if (all.delete(subscription)) onCount()
    }
    const complete = (): void => {
      if (!all.has(subscription)) return
      leave()
      sink.complete()
    }
    const start = (): void => {
      stop()
      const to = session()
      if (to === undefined) return
      const subscriber: Subscriber = {
        body: resumption.body,
        next(result) {
          if (current !== subscriber) return true
          if (result.errors !== undefined && (result.data ?? null) === null) return refuse(result)
          refusals = 0
          refusal = null
          unknownSince = undefined
          if (resumption.isAfterHole(result)) {
            repair()
            return true
          }
          if (resumption.accept(result)) handOn(result)
          isOver ||= marksOf(result).last === true
          return isOver
        },
        complete() {
          if (current !== subscriber) return
          if (!isOver && resumption.isFalseCompletion()) repair()
          else complete()
        },
      }
      current = subscriber
      const end = to.attach(subscriber)
      if (current === subscriber) detach = end
      else end()
    }
    /**
     * Resubscribes from the cursor. Deferred: within this call the connection still holds the old
     * subscriber.
     */
    const repair = (): void => {
      stop()
      stopTimer = after(0, start)
    }
    const handOn = (result: StreamResult): void => {
      try {
        sink.next(result)
      } catch (error) {
        // A bug in the listener must not affect the transport, which other subscriptions share.
        queueMicrotask(() => {
          throw error
        })
      }
    }
    /** @returns true: this connection sends no further results to the subscription */
    const refuse = (result: StreamResult): true => {
      const { code, retryable, retryAfterMs } = result.errors?.[0]?.extensions ?? {}
      const isNewer = options.isGenerated === true && isUnknownToServer(result.errors)
      if (isNewer) unknownSince ??= Date.now()
      const leftMs = isNewer ? (unknownSince ?? 0) + timing.upgradeMs - Date.now() : Number.POSITIVE_INFINITY
      const isStale = code === 'BAD_CURSOR' && resumption.restart()
      if (isStale || (isNewer && leftMs > 0) || retryable === true || passingCodes.includes(code)) {
        stop()
        refusals += 1
        refusal = isNewer ? newerThanServer : isStale ? null : (result.errors?.[0]?.message ?? '')
        const waitMs = code === 'RATE_LIMITED' ? readRetryAfter(retryAfterMs, timing.maxBackoffMs) : 0
        const ms = isStale ? 0 : waitMs + backoff(refusals, timing.backoffMs, timing.maxBackoffMs, Math.random())
        stopTimer = after(Math.min(ms, leftMs), start)
      } else {
        const [error] = result.errors ?? []
        handOn(isNewer && error !== undefined ? { errors: [{ ...error, message: newerThanServer }] } : result)
        complete()
      }
      return true
    }

    const subscription: Subscription = { start, stop, complete, body: resumption.body, refusal: () => refusal }
    all.add(subscription)
    start()
    onCount()
    return leave
  }

  return {
    get count() {
      return all.size
    },
    add,
    attach() {
      for (const { start } of [...all]) start()
      return all.size > 0
    },
    detach() {
      for (const { stop } of all) stop()
    },
    trial() {
      for (const { body } of all) return body()
      return null
    },
    problem() {
      const refused = [...all].flatMap((subscription) => subscription.refusal() ?? [])
      return refused.length === 0 ? null : `${refused.length} of ${all.size} subscriptions wait: ${refused[0]}`
    },
    dispose() {
      for (const { complete } of [...all]) complete()
    },
  }
}
