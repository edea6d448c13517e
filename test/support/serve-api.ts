import { type Client, createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { createContext, schema } from '../../schema/studio/index.ts'
import { parseConfig } from '../../src/config.ts'
import type { Live } from '../../src/live/live.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { secret, signToken } from '../server/support.ts'
import type { ApiFixture } from './api.ts'

/** The API of a test behind a server that requires tokens. */
export interface ServedApi extends AsyncDisposable {
  readonly server: RunningServer
  readonly live: Live
  /**
   * Creates a graphql-ws client that does not reconnect.
   * @param claims - of its token, in addition to `sub`
   */
  connect(sub: string, claims?: Readonly<Record<string, unknown>>): Promise<Client>
}

/** Serves the API of a test on a free port. Disposing ends the clients and the server. */
export async function serveApi({ services, database, engine }: ApiFixture): Promise<ServedApi> {
  await using stack = new AsyncDisposableStack()
  const config = parseConfig({ NODE_ENV: 'test', PORT: '0', JWT_SECRET: secret })
  const live = createLiveDelivery(services, config, silentLogger)
  const server = stack.use(
    await startServer({
      config,
      schema,
      live,
      createContext: (viewer, options) => createContext(services, viewer, options),
      health: { database, bus: engine.bus },
      logger: silentLogger,
    }),
  )
  const opened = stack.move()
  return {
    server,
    live,
    async connect(sub, claims = {}) {
      const authorization = `Bearer ${await signToken({ ...claims, sub }, { expiresInMs: 3_600_000 })}`
      const client = createClient({
        url: server.wsUrl,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization },
      })
      opened.defer(() => client.dispose())
      return client
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
