import type { Server } from 'node:http'
import type { Connections } from './connections.ts'

/** Closes a server in order. Both may be called again. */
export interface Closer {
  /** Takes no new connections; requests that come on open ones are answered, and their connection closed after it. */
  stopAccepting(): void
  /** Asks those who watch to move, spread over `spreadMs`, and cuts what is still there half a second later. */
  close(spreadMs: number): Promise<void>
}

/** How long clients may take to let go after they were asked to move, and requests under way to be answered. */
const letGoMs = 500
const lookMs = 10

/** Creates the closer of a server that is listening. */
export function createCloser(options: {
  readonly server: Server
  readonly connections: Connections
  readonly sockets: AsyncDisposable
  readonly api: { dispose(): void | Promise<void> }
}): Closer {
  const { server, connections, sockets, api } = options
  let closed: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const stopAccepting = (): Promise<void> => {
    // Not before this turn's connections are taken: those that the system holds ready at that moment are reset, with the
    // requests on them, which a balancer may not send elsewhere. Also closes connections on which nothing is under way.
    closed ??= new Promise((resolve) => setImmediate(() => server.close(() => resolve())))
    return closed
  }
  const closeInOrder = async (spreadMs: number): Promise<void> => {
    const allClosed = stopAccepting()
    await connections.moveAll(spreadMs, 'restart')
    const deadline = Date.now() + letGoMs
    while (connections.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, lookMs))
    connections.terminateAll()
    await sockets[Symbol.asyncDispose]()
    server.closeIdleConnections()
    const late = setTimeout(() => server.closeAllConnections(), letGoMs)
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
