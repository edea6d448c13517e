import type { Config } from '../../config.ts'
import type { ClientInfo } from '../request/client-address.ts'
import type { ServerMetrics, Transport } from './server-metrics.ts'

/**
 * The reason for asking a client to reconnect: this server shuts down, or its database is
 * unavailable.
 */
export type MoveReason = 'restart' | 'away'

/** The operations on an open connection. */
export interface ConnectionControl {
  /**
   * Asks the client to reconnect, elsewhere or later, and to resume there: the subscription is not
   * complete.
   */
  move(why: MoveReason): void
  /** Closes the connection without notice. */
  terminate(): void
  /**
   * Bytes that were sent but not yet taken by the operating system, because the client has not read
   * the ones before.
   */
  unreadBytes(): number
  /** The number of active operations on the connection. */
  subscriptions(): number
}

/** A connection that is open. */
export interface Connection {
  readonly control: ConnectionControl
  /** Unique on this server. */
  readonly id: string
  readonly transport: Transport
  readonly from: ClientInfo
  readonly openedAtMs: number
  /** The id of its user; null until the viewer is known. */
  readonly userId: string | null
}

/** The open connections of this server, and the limits on their number. */
export interface Connections extends Iterable<Connection> {
  readonly size: number
  /**
   * Whether one more connection from this network is allowed. Call it before doing any work for the
   * connection.
   */
  mayOpen(network: string): boolean
  /** Whether no connection of another network is open. */
  isAlone(network: string): boolean
  /** Registers a connection. */
  open(transport: Transport, from: ClientInfo, control: ConnectionControl): Connection
  /**
   * Sets the user of a connection.
   * @returns false when that viewer has reached the limit; the caller must then close the
   * connection
   */
  identify(connection: Connection, userId: string | null): boolean
  /** Unregisters a connection. Idempotent. */
  close(connection: Connection): void
  /**
   * Asks all clients to reconnect, spread evenly over `spreadMs`, so that the next server does not
   * receive them all at once.
   */
  moveAll(spreadMs: number, why: MoveReason): Promise<void>
  terminateAll(): void
}

/** The settings that limit the number of connections. */
type ConnectionLimits = Pick<Config, 'MAX_SOCKETS_PER_ADDRESS' | 'MAX_SOCKETS_PER_VIEWER'>

/** Creates the register of connections. WebSockets and event streams count together. */
export function createConnections(limits: ConnectionLimits, metrics: ServerMetrics): Connections {
  interface Entry extends Connection {
    userId: string | null
  }
  /** In the order of opening. */
  const open = new Set<Entry>()
  const byNetwork = new Map<string, number>()
  const byViewer = new Map<string, number>()
  let openedCount = 0
  const add = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by
    if (count <= 0) counts.delete(key)
    else counts.set(key, count)
  }
  const entryOf = (connection: Connection): Entry | undefined =>
    open.has(connection as Entry) ? (connection as Entry) : undefined

  return {
    get size() {
      return open.size
    },
    [Symbol.iterator]: () => open.values(),
    mayOpen: (network) => (byNetwork.get(network) ?? 0) < limits.MAX_SOCKETS_PER_ADDRESS,
    isAlone: (network) => byNetwork.size === (byNetwork.has(network) ? 1 : 0),
    open(transport, from, control) {
      const entry: Entry = { id: `c${++openedCount}`, transport, from, openedAtMs: Date.now(), userId: null, control }
      open.add(entry)
      add(byNetwork, from.network, 1)
      metrics.opened(transport)
      return entry
    },
    identify(connection, userId) {
      const entry = entryOf(connection)
      if (entry === undefined || userId === null) return true
      if ((byViewer.get(userId) ?? 0) >= limits.MAX_SOCKETS_PER_VIEWER) return false
      entry.userId = userId
      add(byViewer, userId, 1)
      return true
    },
    close(connection) {
      const entry = entryOf(connection)
      if (entry === undefined) return
      open.delete(entry)
      add(byNetwork, entry.from.network, -1)
      if (entry.userId !== null) add(byViewer, entry.userId, -1)
      metrics.closed(entry.transport)
    },
    async moveAll(spreadMs, why) {
      const all = [...open]
      const turns = Math.max(1, Math.min(all.length, Math.floor(spreadMs / turnMs)))
      const perTurn = Math.ceil(all.length / turns)
      for (let first = 0; first < all.length; first += perTurn) {
        if (first > 0) await new Promise((resolve) => setTimeout(resolve, turnMs))
        for (const { control } of all.slice(first, first + perTurn)) control.move(why)
      }
    },
    terminateAll() {
      for (const { control } of [...open]) control.terminate()
    },
  }
}

const turnMs = 50
