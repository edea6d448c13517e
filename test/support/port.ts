import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Finds a free port of the loopback address that stays free while its server is stopped and started
 * again: below the range from which systems take the ports of outgoing connections.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
