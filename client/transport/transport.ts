/** The transports, best first. See `docs/protocol.md`. */
export type TransportName = 'websocket' | 'sse' | 'polling'

/**
 * Why a connection ended.
 *
 * - `failed`: refused, reset or closed.
 * - `silent`: open, but nothing arrived within the deadline. An intermediary holds back the data,
 *   or the peer is down.
 * - `busy`: the server asks the client to come back later, or elsewhere.
 */
export type LossKind = 'failed' | 'silent' | 'busy'

/** The request of one operation, in the format of GraphQL over HTTP and over WebSocket. */
export interface RequestBody {
  readonly query: string
  readonly operationName?: string
  readonly variables?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** One result of a subscription as received. */
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

/** A subscription as a transport sees it. */
export interface Subscriber {
  /**
   * Returns the request to send now, with the cursor in its variables. Called again for each
   * request.
   */
  body(): RequestBody
  /** Receives a result. @returns true when no further result can follow */
  next(result: StreamResult): boolean
  /** Called when the server has completed the operation. */
  complete(): void
}

/**
 * Receives the events of one connection. None follows `lost`, `expired` or `refused`, and at most
 * one of these occurs.
 */
export interface ConnectionListener {
  /** Data has arrived: the transport is confirmed. Called once. */
  confirmed(): void
  /** The server has shown a sign of life. @param roundTripMs - where it was measured */
  alive(roundTripMs?: number): void
  /** @param retryAfterMs - the time that the server asks the client to wait */
  lost(kind: LossKind, reason: string, retryAfterMs?: number): void
  /** The token in use is no longer accepted. */
  expired(reason: string): void
  /** The server refuses this client permanently. */
  refused(reason: string): void
}

/**
 * One connection over one transport, from opening to end. It does not retry: the state machine in
 * `fallback.ts` decides that.
 *
 * A connection must call `confirmed` as soon as it is known that results can arrive, or an end with
 * its reason, within bounded time. It must call `lost` within 15 s when the peer is down.
 */
export interface TransportConnection {
  /**
   * Starts passing on results. The request's variables contain the cursor, so that results missed
   * between two connections follow.
   * @returns a function that ends it
   */
  attach(subscriber: Subscriber): () => void
  /**
   * Runs an operation as a trial until the first `attach`, and drops its results.
   *
   * @param trial - the operation; null for none, which confirms the transport once
   */
  confirm(trial: RequestBody | null): void
  /** Asks for a sign of life now, with a short deadline. */
  check(): void
  /** Whether {@link check} makes the server respond at once, as a ping does. */
  readonly canAnswer: boolean
  /**
   * Time between the heartbeats that the server sends on its own, in milliseconds; null where it
   * sends none.
   */
  readonly heartbeatMs: number | null
  /** Ends it at once, without calling the listener. Idempotent. */
  close(): void
}

/** Opens a connection over one transport. @param token - sent as credentials; null for none */
export type Transport = (listener: ConnectionListener, token: string | null) => TransportConnection

/**
 * Wraps a listener: it receives nothing after the end, and `onEnd` is called before the listener
 * is.
 */
export function notifyOnce(listener: ConnectionListener, onEnd: () => void): ConnectionListener & { end(): boolean } {
  let isOver = false
  let isConfirmed = false
  const end = (): boolean => {
    if (isOver) return false
    isOver = true
    onEnd()
    return true
  }
  return {
    end,
    confirmed() {
      if (isOver || isConfirmed) return
      isConfirmed = true
      listener.confirmed()
    },
    alive(roundTripMs) {
      if (!isOver) listener.alive(roundTripMs)
    },
    lost(kind, reason, retryAfterMs) {
      if (end()) listener.lost(kind, reason, retryAfterMs)
    },
    expired(reason) {
      if (end()) listener.expired(reason)
    },
    refused(reason) {
      if (end()) listener.refused(reason)
    },
  }
}
