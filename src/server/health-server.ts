import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createReadiness, type HealthSources } from './health.ts'
import { answerJson } from './refuse.ts'

/** A server that answers for the health of a process, and nothing else. */
export interface HealthServer extends AsyncDisposable {
  readonly port: number
  /** From now on `/health/ready` says 503. */
  beginDraining(): void
}

/** Starts it on `GET /health/live` and `GET /health/ready`. */
export async function startHealthServer(options: {
  readonly health: HealthSources
  readonly host: string
  readonly port: number
}): Promise<HealthServer> {
  const readReadiness = createReadiness(options.health)
  let isDraining = false
  const server = createServer((request, response) => {
    if (request.url === '/health/live') answerJson(response, 200, { status: 'alive' })
    else if (request.url === '/health/ready')
      void readReadiness(isDraining).then((readiness) =>
        answerJson(response, readiness.status === 'ready' ? 200 : 503, readiness),
      )
    else answerJson(response, 404, { status: 'not found' })
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    beginDraining: () => {
      isDraining = true
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
