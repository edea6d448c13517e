import type { Config } from '../config.ts'
import type { Whence } from './address.ts'
import type { ServerMetrics } from './metrics.ts'

/** A way of watching. Polling is a series of short event streams. */
export type Transport = 'ws' | 'sse' | 'polling'

/** Why a client is asked to connect again: this server goes, or its database cannot be reached. */
export type MoveReason = 'restart' | 'away'

/** What the server can do to a connection that is open, and ask of it. */
export interface ConnectionControl {
  /** Asks the client to connect again, elsewhere or later, and to resume there: the subscription is not over. */
  move(why: MoveReason): void
  /** Ends it without asking. */
  terminate(): void
  /** What was sent and not yet taken by the operating system, for the client has not read what was before it. */
  unreadBytes(): number
  /** Operations under way on it. */
  subscriptions(): number
}

/** A connection that is open now. */
export interface Connection {
  readonly control: ConnectionControl
  /** Unique on this server. */
  readonly id: string
  readonly transport: Transport
  readonly from: Whence
  readonly openedAtMs: number
  /** Whose it is; null until that is known. */
  readonly userId: string | null
}

/** The connections that are open on this server, and how many more may be. */
export interface Connections extends Iterable<Connection> {
  readonly size: number
  /** Whether one more from this address is allowed. To be asked before anything is done for it. */
  mayOpen(address: string): boolean
  /** Counts a connection in. */
  open(transport: Transport, from: Whence, control: ConnectionControl): Connection
  /**
   * Says whose it is.
   * @returns false when that viewer already has as many as allowed; then the connection is to be closed
   */
  identify(connection: Connection, userId: string | null): boolean
  /** Counts a connection out. May be called again. */
  close(connection: Connection): void
  /** Asks all to move, evenly spread over `spreadMs`, so that the next server does not get them all at once. */
  moveAll(spreadMs: number, why: MoveReason): Promise<void>
  terminateAll(): void
}

/** The settings that say how many connections there may be. */
export type ConnectionLimits = Pick<Config, 'MAX_SOCKETS_PER_ADDRESS' | 'MAX_SOCKETS_PER_VIEWER'>

/** Creates the register of connections. WebSockets and event streams count together. */
export function createConnections(limits: ConnectionLimits, metrics: ServerMetrics): Connections {
  interface Entry extends Connection {
    userId: string | null
  }
  /** In the order of opening. */
  const open = new Set<Entry>()
  const byAddress = new Map<string, number>()
  const byViewer = new Map<string, number>()
  let opened = 0
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
    mayOpen: (address) => (byAddress.get(address) ?? 0) < limits.MAX_SOCKETS_PER_ADDRESS,
    open(transport, from, control) {
      const entry: Entry = { id: `c${++opened}`, transport, from, openedAtMs: Date.now(), userId: null, control }
      open.add(entry)
      add(byAddress, from.address, 1)
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
      add(byAddress, entry.from.address, -1)
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
