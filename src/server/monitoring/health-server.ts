import { createServer, type IncomingMessage } from 'node:http'
import type { Config } from '../../config.ts'
import { isLoopback } from '../request/client-address.ts'
import { drainRequestBody } from '../request/drain-request-body.ts'
import { listen } from '../request/listen.ts'
import { isLoopbackHost } from '../request/origin.ts'
import { answerJson } from '../request/refuse.ts'
import { createReadiness, type HealthSources } from './health.ts'
import type { MetricsPage } from './prometheus/page.ts'

/** A server for the health checks and the metrics of a process only. */
export interface HealthServer extends AsyncDisposable {
  readonly port: number
  /** Makes `/health/ready` respond with 503 from now on. */
  beginDraining(): void
}

/** Headers that a proxy adds. Its clients have its address, which is a loopback address on the same host. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

/**
 * Whether the sender of a request may read `/metrics`. With `METRICS=loopback` it must be a program
 * on this machine that addresses it by a loopback name: neither a client of a proxy nor a web page
 * whose domain name resolves to 127.0.0.1. With `METRICS=direct` it may be any machine that asks
 * without a proxy.
 */
export function mayReadMetrics({ METRICS }: Pick<Config, 'METRICS'>, { socket, headers }: IncomingMessage): boolean {
  if (METRICS === 'all' || METRICS === 'off') return METRICS === 'all'
  if (proxyHeaders.some((name) => headers[name] !== undefined)) return false
  return METRICS === 'direct' || (isLoopback(socket.remoteAddress ?? '') && isLoopbackHost(headers.host))
}

/**
 * Starts the server with `GET /health/live`, `GET /health/ready` and, when `metrics` is set,
 * `GET /metrics`.
 *
 * @param options.metrics - the metrics page, and the setting that restricts its access; omitted by
 * default
 * @throws TidingsError `BAD_CONFIGURATION` when it cannot listen
 */
export async function startHealthServer(options: {
  readonly health: HealthSources
  readonly host: string
  readonly port: number
  readonly metrics?: { readonly page: MetricsPage; readonly config: Pick<Config, 'METRICS'> }
}): Promise<HealthServer> {
  const readReadiness = createReadiness(options.health)
  let isDraining = false
  const { metrics } = options
  const server = createServer((request, response) => {
    drainRequestBody(request, response)
    if (request.url === '/metrics' && metrics !== undefined && mayReadMetrics(metrics.config, request))
      void metrics.page.render().then(
        (text) => response.writeHead(200, { 'content-type': metrics.page.type }).end(text),
        () => answerJson(response, 500, { status: 'the metrics cannot be read' }),
      )
    else if (request.url === '/health/live') answerJson(response, 200, { status: 'alive' })
    else if (request.url === '/health/ready')
      void readReadiness(isDraining).then((readiness) =>
        answerJson(response, readiness.status === 'ready' ? 200 : 503, readiness),
      )
    else answerJson(response, 404, { status: 'not found' })
  })
  const port = await listen(server, {
    host: options.host,
    port: options.port,
    setting: 'PORT',
    failure: 'The health of this process cannot be told',
  })
  return {
    port,
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
