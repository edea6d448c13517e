import type { Config } from '../../config.ts'
import { createTokenBuckets } from '../../rate-limits/token-buckets.ts'
import type { Connections } from './connections.ts'
import type { ServerMetrics } from './server-metrics.ts'

/** The settings that limit the work of callers. */
type WorkLimits = Pick<Config, 'MAX_SOCKET_WORK' | 'MAX_VIEWER_WORK' | 'MAX_ADDRESS_WORK'>

/** The origin of some work. */
export interface WorkSource {
  /** See `ClientInfo`. */
  readonly network: string
  /** Null without a token. */
  readonly userId: string | null
  /** The id of the WebSocket; undefined for other transports. */
  readonly socketId?: string | undefined
}

/**
 * Limits the work that each caller makes for this process: its messages and requests, on all
 * transports. Work is counted in bytes: those of the message, plus what handling it costs, at about
 * 10 bytes per microsecond of processor time.
 */
export interface Work {
  /** Records work. It is never refused, as it is known only when it is being done. */
  record(source: WorkSource, bytes: number): void
  /** Returns the time that the caller has to wait before it may make more, in milliseconds. */
  waitMs(source: WorkSource): number
  /** The same for the WebSocket alone. */
  socketWaitMs(source: WorkSource): number
  /** Returns the refusal of a caller whose viewer or address has to wait; null when neither has. */
  refuse(source: WorkSource): WorkRefusal | null
  /**
   * Takes from the reserve of a WebSocket whose viewer or address has to wait: other sockets may have used
   * up what these have, and its pings have to be answered nevertheless.
   * @returns false when the reserve is used up, or the message is too large for it
   */
  takeReserve(source: WorkSource, messageBytes: number): boolean
  /**
   * Whether the network has made as much work in this turn of the event loop as it may; others would
   * wait for the rest.
   */
  isTurnSpent(source: WorkSource): boolean
  /**
   * Calls back in one of the next turns, when the network may make more work: in the order of the
   * calls, as many in each turn as the work that they record allows.
   */
  onTurn(source: WorkSource, run: () => void): void
  /**
   * Resolves when the network may make more work in the turn that is then under way.
   * @param bytes - the work that follows, when others may be resolved before it is recorded; counts towards turns in addition to what is recorded, and towards no other limit. Default 0
   */
  waitForTurn(source: WorkSource, bytes?: number): Promise<void>
}

/** The refusal of a caller that has to wait. */
export interface WorkRefusal {
  readonly message: string
  readonly retryAfterMs: number
}

/** Costs beyond the bytes of a message or request. */
export const workOf = {
  message: 512,
  /** A request, until its document is parsed. */
  request: 2_048,
  /** An operation, even if it is refused; see {@link workOf.costUnit}. */
  operation: 4_096,
  /** One unit of the cost of an operation: about one resolved object. */
  costUnit: 100,
  /** A byte of a document that has to be parsed and validated. */
  documentByte: 16,
} as const

/** A caller that has been idle may do this much work at once. */
const burstSeconds = 4
/**
 * The reserve of each WebSocket per second, about three pings. All sockets of an address together
 * make at most a fifth of its work by it, with the default settings.
 */
const reservePerSecond = 2_048
const maxReserveMessageBytes = reservePerSecond * burstSeconds
/**
 * The work of a network per turn of the event loop. While others are connected, about 0.8 ms: an event reaches a subscriber after
 * several turns, each of which becomes longer. Otherwise more, as clients that join in the same turn share a query of the database
 * (decision 348).
 */
export const maxTurnBytes = { shared: 8_192, alone: 65_536 } as const
/** What exceeds the limit of a turn counts in the next ones, but in no more than this number: the network may have many users. */
const maxCarriedTurns = 4

/** The work of a network in this turn of the event loop and beyond its limit in former ones, and what waits for the next ones. */
interface Turn {
  bytes: number
  readonly waiting: (() => void)[]
}

/**
 * Creates the limits of a server.
 * @param connections - to find out whether others are connected
 */
export function createWork(
  limits: WorkLimits,
  metrics: Pick<ServerMetrics, 'worked'>,
  connections: Pick<Connections, 'isAlone'>,
): Work {
  const bucketsFor = (perSecond: number) => createTokenBuckets({ perSecond, capacity: perSecond * burstSeconds })
  const sockets = bucketsFor(limits.MAX_SOCKET_WORK)
  const viewers = bucketsFor(limits.MAX_VIEWER_WORK)
  const addresses = bucketsFor(limits.MAX_ADDRESS_WORK)
  const reserves = bucketsFor(reservePerSecond)
  const socketWaitMs = ({ socketId }: WorkSource): number => (socketId === undefined ? 0 : sockets.waitMs(socketId))
  const turns = new Map<string, Turn>()
  const limitOf = (network: string): number => maxTurnBytes[connections.isAlone(network) ? 'alone' : 'shared']
  const isSpent = (network: string): boolean => (turns.get(network)?.bytes ?? 0) > limitOf(network)
  const beginTurn = (): void => {
    for (const [network, turn] of turns) {
      // After a document that cannot be divided, others have some turns.
      const limit = limitOf(network)
      turn.bytes = Math.min(Math.max(0, turn.bytes - limit), maxCarriedTurns * limit)
      // Each runs once: it may wait again.
      for (let left = turn.waiting.length; left > 0 && !isSpent(network); left--) turn.waiting.shift()?.()
      if (turn.bytes === 0 && turn.waiting.length === 0) turns.delete(network)
    }
    if (turns.size > 0) setImmediate(beginTurn)
  }
  const turnOf = ({ network }: WorkSource): Turn => {
    let turn = turns.get(network)
    if (turn === undefined) {
      turn = { bytes: 0, waiting: [] }
      if (turns.size === 0) setImmediate(beginTurn)
      turns.set(network, turn)
    }
    return turn
  }
  const onTurn: Work['onTurn'] = (source, run) => void turnOf(source).waiting.push(run)
  return {
    record(source, bytes) {
      const { network, userId, socketId } = source
      metrics.worked(bytes)
      turnOf(source).bytes += bytes
      addresses.take(network, bytes)
      if (userId !== null) viewers.take(userId, bytes)
      if (socketId !== undefined) sockets.take(socketId, bytes)
    },
    waitMs(source) {
      const { network, userId } = source
      const viewerMs = userId === null ? 0 : viewers.waitMs(userId)
      return Math.max(addresses.waitMs(network), viewerMs, socketWaitMs(source))
    },
    socketWaitMs,
    refuse({ network, userId }) {
      const addressMs = addresses.waitMs(network)
      const retryAfterMs = Math.max(addressMs, userId === null ? 0 : viewers.waitMs(userId))
      if (retryAfterMs === 0) return null
      const [subject, setting] = addressMs > 0 ? ['address', 'MAX_ADDRESS_WORK'] : ['viewer', 'MAX_VIEWER_WORK']
      return {
        message: `The requests of this ${subject} make too much work; try again later (${setting})`,
        retryAfterMs,
      }
    },
    takeReserve({ socketId }, messageBytes) {
      if (socketId === undefined || messageBytes > maxReserveMessageBytes || reserves.waitMs(socketId) > 0) return false
      reserves.take(socketId, messageBytes + workOf.message)
      return true
    },
    isTurnSpent: ({ network }) => isSpent(network),
    onTurn,
    async waitForTurn(source, bytes = 0) {
      const turn = turnOf(source)
      if (isSpent(source.network))
        await new Promise<void>((resolve) => {
          onTurn(source, () => {
            turnOf(source).bytes += bytes
            resolve()
          })
        })
      else turn.bytes += bytes
    },
  }
}
