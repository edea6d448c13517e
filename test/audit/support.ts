import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import { createContext, schema } from '../../schema/studio/index.ts'
import { readRedisAddress } from '../../src/bus/redis-address.ts'
import { parseConfig } from '../../src/config.ts'
import type { Live } from '../../src/live/live.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLiveDelivery } from '../../src/main/app.ts'
import { createRateLimits } from '../../src/rate-limits/rate-limits.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { secret, signToken } from '../server/support.ts'
import { type ApiFixture, startApi } from '../support/api.ts'

/** A server with tokens, connection statistics and an audit log. */
export interface Door extends AsyncDisposable {
  readonly api: ApiFixture
  readonly server: RunningServer
  readonly live: Live
  /** Returns the headers of a user. */
  headers(userId: string, roles?: readonly string[]): Promise<Record<string, string>>
  /** Posts an operation as `admin`, unless headers are given. */
  post<T>(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer<T>>
  /** Creates a graphql-ws client. */
  client(userId: string, options?: { readonly token?: string }): ReturnType<typeof createClient>
  /** Returns the entries of the audit log, newest first, after pending ones were written. */
  entries(): Promise<readonly Entry[]>
}

/** A result over HTTP. */
export interface Answer<T> {
  readonly status: number
  readonly data: T
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[]
}

/** An entry as the API returns it. */
export interface Entry {
  readonly event: string
  readonly userId: string | null
  readonly address: string | null
  readonly userAgent: string | null
  readonly subject: string | null
  readonly reason: string | null
  readonly detail: string | null
  readonly count: number
}

const entryFields = 'event userId address userAgent subject reason detail count'

/** Starts the server. @param environment - settings in addition to those of the tests */
export async function openDoor(environment: Readonly<Record<string, string>> = {}): Promise<Door> {
  await using stack = new AsyncDisposableStack()
  const config = parseConfig({ NODE_ENV: 'test', PORT: '0', JWT_SECRET: secret, ...environment })
  const api = stack.use(await startApi({ MAX_STARTS_PER_MINUTE: config.MAX_STARTS_PER_MINUTE }))
  const live = createLiveDelivery(api.services, config, silentLogger)
  const rateLimits = stack.use(
    await createRateLimits({
      budgets: config.RATE_LIMITS,
      addressFactor: config.RATE_LIMIT_ADDRESS_FACTOR,
      redis: readRedisAddress(config),
      prefix: 'test',
      logger: silentLogger,
    }),
  )
  const services = { ...api.services, rateLimits }
  const server = stack.use(
    await startServer({
      config,
      schema,
      live,
      createContext: (viewer, options) => createContext(services, viewer, options),
      health: { database: api.database, bus: api.engine.bus },
      admin: api.engine.admin,
      rateLimits,
      logger: silentLogger,
    }),
  )
  const opened = stack.move()
  const headers: Door['headers'] = async (userId, roles = []) => ({
    authorization: `Bearer ${await signToken({ sub: userId, roles })}`,
  })
  const post: Door['post'] = async (query, variables = {}, given) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'test',
        ...(given ?? (await headers('root', ['admin']))),
      },
      body: JSON.stringify({ query, variables }),
    })
    return { status: response.status, ...((await response.json()) as object) } as never
  }
  return {
    api,
    server,
    live,
    headers,
    post,
    client(userId, { token } = {}) {
      const client = createClient({
        url: server.wsUrl,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: async () => ({ authorization: token ?? (await headers(userId))['authorization'] }),
      })
      opened.defer(() => client.dispose())
      return client
    },
    async entries() {
      await api.engine.admin.audit.flush()
      const { data } = await post<{ auditLog: { nodes: Entry[] } }>(
        `{ auditLog(first: 100) { nodes { ${entryFields} } } }`,
      )
      return data.auditLog.nodes
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
