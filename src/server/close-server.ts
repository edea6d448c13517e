import type { Connections } from './connections/connections.ts'

/** Closes a server gracefully. Both methods are idempotent. */
interface Closer {
  /**
   * Accepts no new connections; requests on open connections are answered, and their connection is
   * closed afterwards.
   */
  stopAccepting(): void
  /**
   * Asks clients to reconnect, spread over `spreadMs`, and cuts the remaining connections half a
   * second later.
   */
  close(spreadMs: number): Promise<void>
}

/** The part of a server that is closed. */
export interface ClosableServer {
  close(onClosed: () => void): unknown
  closeIdleConnections(): void
  closeAllConnections(): void
}

/** In place of a server that its application closes. */
export const keptOpen: ClosableServer = {
  close: (onClosed) => onClosed(),
  closeIdleConnections: () => undefined,
  closeAllConnections: () => undefined,
}

/**
 * Time that clients have to disconnect after they were asked to reconnect, and active requests to
 * be answered.
 */
const closeTimeoutMs = 500
const lookMs = 10

/** Creates the closer of a listening server. */
export function createCloser(options: {
  readonly server: ClosableServer
  readonly connections: Connections
  readonly sockets: AsyncDisposable
  readonly api: { dispose(): void | Promise<void> }
}): Closer {
  const { server, connections, sockets, api } = options
  let closed: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const stopAccepting = (): Promise<void> => {
    // Deferred until the connections of this turn are accepted: connections that the operating
    // system holds ready at that moment are reset, together with their requests, which a load
    // balancer may not send elsewhere. Also closes idle connections.
    closed ??= new Promise((resolve) => setImmediate(() => server.close(() => resolve())))
    return closed
  }
  const closeInOrder = async (spreadMs: number): Promise<void> => {
    const allClosed = stopAccepting()
    await connections.moveAll(spreadMs, 'restart')
    const deadline = Date.now() + closeTimeoutMs
    while (connections.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, lookMs))
    connections.terminateAll()
    await sockets[Symbol.asyncDispose]()
    server.closeIdleConnections()
    const late = setTimeout(() => server.closeAllConnections(), closeTimeoutMs)
    await allClosed
    clearTimeout(late)
    await api.dispose()
  }
  return {
    stopAccepting: () => void stopAccepting(),
    close(spreadMs) {
      closing ??= closeInOrder(spreadMs)
      return closing
    },
  }
}
