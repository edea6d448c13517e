import type { Server } from 'node:http'
import type { Connections } from './connections.ts'

/** How long clients may take to let go after they were asked to move. */
const letGoMs = 500
const lookMs = 10

/**
 * Closes a server in order: no new connections; those that are open are asked to move; requests under way are answered;
 * whatever is still there then is cut.
 */
export async function closeServer(options: {
  readonly server: Server
  readonly connections: Connections
  readonly sockets: AsyncDisposable
  readonly spreadMs: number
}): Promise<void> {
  const { server, connections, sockets, spreadMs } = options
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await connections.moveAll(spreadMs)
  const deadline = Date.now() + letGoMs
  while (connections.size > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, lookMs))
  connections.terminateAll()
  await sockets[Symbol.asyncDispose]()
  server.closeIdleConnections()
  const late = setTimeout(() => server.closeAllConnections(), letGoMs)
  await closed
  clearTimeout(late)
}
