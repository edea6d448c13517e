import type { LossKind } from './ladder.ts'

/** What is sent for one operation, as GraphQL over HTTP and over WebSocket have it. */
export interface RequestBody {
  readonly query: string
  readonly operationName?: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** One result of a subscription as it came over the wire. */
export interface StreamResult {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly StreamError[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** An error of a result. */
export interface StreamError {
  readonly message: string
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** What a transport needs of a subscription. */
export interface Subscriber {
  /** What to send now: its variables say from where. Asked for anew for each request. */
  body(): RequestBody
  /** Takes a result. @returns true when nothing can follow it */
  next(result: StreamResult): boolean
  /** The server has nothing more to say. */
  complete(): void
}

/** What a session tells its owner. Nothing is told after `lost`, `expired` or `refused`, of which there is at most one. */
export interface SessionListener {
  /** Something has come through: the transport works. Told once. */
  proved(): void
  /** The other end lives. @param roundTripMs - where it was measured */
  heard(roundTripMs?: number): void
  lost(kind: LossKind, reason: string): void
  /** The token in use is not accepted any more. */
  expired(reason: string): void
  /** The server will not have us. */
  refused(reason: string): void
}

/**
 * One connection over one transport, from its opening to its end. It does not try again: that is the ladder's business.
 *
 * A session owes its owner: `proved` as soon as it is known that results can come through, or an end with its reason,
 * within bounded time; `lost` within 15 s when the other end is gone.
 */
export interface Session {
  /** Starts handing on results; what is missed between sessions is asked for by the variables. @returns what ends it */
  attach(subscriber: Subscriber): () => void
  /**
   * Carries an operation as a trial until the first `attach`, and drops its results.
   *
   * @param scout - the operation; null for none, which proves the transport once
   */
  prove(scout: RequestBody | null): void
  /** Asks for a sign of life now, with a short deadline. */
  check(): void
  /** Whether {@link check} makes the server answer at once, as a ping does. */
  readonly canAnswer: boolean
  /** Time between the heartbeats that the server sends unasked, in milliseconds; null where it sends none. */
  readonly heartbeatMs: number | null
  /** Ends it at once, without a word to the listener. Idempotent. */
  close(): void
}

/** A way to the server. @param token - what to show for credentials, if anything */
export type Transport = (listener: SessionListener, token: string | null) => Session

/** A listener that lets nothing through after the end, and calls `onEnd` before it tells of it. */
export function tellOnce(listener: SessionListener, onEnd: () => void): SessionListener & { end(): boolean } {
  let isOver = false
  let isProved = false
  const end = (): boolean => {
    if (isOver) return false
    isOver = true
    onEnd()
    return true
  }
  return {
    end,
    proved() {
      if (isOver || isProved) return
      isProved = true
      listener.proved()
    },
    heard(roundTripMs) {
      if (!isOver) listener.heard(roundTripMs)
    },
    lost(kind, reason) {
      if (end()) listener.lost(kind, reason)
    },
    expired(reason) {
      if (end()) listener.expired(reason)
    },
    refused(reason) {
      if (end()) listener.refused(reason)
    },
  }
}
