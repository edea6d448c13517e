import { defaultTiming, type Timing } from './base/timing.ts'
import { createTokens, type Tokens } from './base/tokens.ts'
import type { ConnectionStore } from './connection/connection-state.ts'
import { createLive, type Live, type NamedTransport } from './connection/live.ts'
import type { TidingsClientOptions } from './options.ts'
import { type Fetch, findObstacle, messageOf } from './transport/http.ts'
import type { TransportFactory } from './transport/transports.ts'

/** The options of subscriptions. */
export interface LiveOptions
  extends Pick<TidingsClientOptions, 'url' | 'token' | 'userOf' | 'timing' | 'webSocketImpl' | 'fetch'> {
  /** The transports that may be used, best first. At least one. */
  readonly transports: readonly TransportFactory[]
}

/** The parts that subscriptions need: the same for a client of Tidings and for another urql client. */
interface OpenLive {
  readonly live: Live
  readonly connection: ConnectionStore
  readonly tokens: Tokens
  readonly timing: Timing
  readonly fetch: Fetch
}

/**
 * Creates the subscriptions of a client. Opens no connection before the first one.
 *
 * @throws TypeError when `url` is not an http(s) address
 * @throws RangeError when `transports` is empty
 */
export function openLive(options: LiveOptions): OpenLive {
  const { url } = options
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new TypeError(`"${url}" is not an address such as "https://example.org/graphql"`)
  if (options.transports.length === 0) throw new RangeError('A client needs at least one transport')
  const timing = { ...defaultTiming, ...options.timing }
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis)
  const tokens = createTokens({ ask: options.token, leewayMs: timing.tokenLeewayMs, userOf: options.userOf })
  const transports = options.transports.map(
    ({ name, create }): NamedTransport => ({
      name,
      transport: create({ url, fetch, timing, webSocketImpl: options.webSocketImpl }),
    }),
  )
  const live = createLive({
    transports,
    tokens,
    timing,
    async findObstacle(signal) {
      try {
        return await findObstacle({ url, fetch, timing, signal, token: (await tokens.get()).token })
      } catch (error) {
        return `The token is unavailable: ${messageOf(error)}`
      }
    },
  })
  const { subscribe, getSnapshot } = live.connection
  return { live, connection: { subscribe, getSnapshot, reconnect: live.reconnect }, tokens, timing, fetch }
}
