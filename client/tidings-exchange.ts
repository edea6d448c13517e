import type { Client, Exchange } from '@urql/core'
import { chooseTransports } from './all-transports.ts'
import { createStore } from './base/store.ts'
import { liveExchange } from './connection/live-exchange.ts'
import { openLive } from './open-live.ts'
import type { TidingsClientOptions } from './options.ts'
import type { OutboxState } from './outbox/outbox.ts'
import type { UploadProgress } from './outbox/uploads.ts'
import { createWatch, type TidingsClient } from './tidings-client.ts'

/** Options of {@link tidingsExchange}: those of a client that concern subscriptions. */
export type TidingsExchangeOptions = Pick<
  TidingsClientOptions,
  'url' | 'token' | 'userOf' | 'transports' | 'live' | 'timing' | 'webSocketImpl' | 'fetch'
>

/**
 * The exchange, which is also the client for `TidingsProvider` and `watchTask`. Its outbox and its uploads are empty: queries and
 * mutations are sent by the exchanges of the urql client. `urql` is the client that has the exchange.
 */
export type TidingsExchange = Exchange & TidingsClient

/**
 * Adds the subscriptions of Tidings to an existing urql client: they resume after any interruption without losing or repeating an
 * event, over whichever transport works, with renewed tokens. It takes the subscriptions and forwards everything else, so place it
 * after the cache and before `fetchExchange`. Each client needs an exchange of its own.
 *
 * @throws TypeError when `url` is not an http(s) address
 * @example
 * const tidings = tidingsExchange({ url, token })
 * const client = new Client({ url, exchanges: [cacheExchange, tidings, fetchExchange] })
 * // <TidingsProvider client={tidings}>
 */
export function tidingsExchange(options: TidingsExchangeOptions): TidingsExchange {
  const { live, connection } = openLive({ ...options, transports: chooseTransports(options) })
  const createExchange = liveExchange(live)
  let urql: Client | undefined
  const exchange: Exchange = (input) => {
    urql = input.client
    return createExchange(input)
  }
  const dispose = async (): Promise<void> => live.dispose()
  const client: Omit<TidingsClient, 'watchTask'> = {
    get urql() {
      if (urql === undefined)
        throw new Error('No urql client has this exchange; pass it to `new Client({ exchanges })`')
      return urql
    },
    connection,
    outbox: { ...createStore<OutboxState>({ pending: [], refused: [] }), dismiss: () => undefined },
    uploads: { ...createStore<ReadonlyMap<Blob, UploadProgress>>(new Map()), cancel: () => undefined },
    plugins: [],
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
  const whole = Object.defineProperties(exchange, Object.getOwnPropertyDescriptors(client)) as TidingsExchange
  return Object.assign(whole, { watchTask: createWatch(whole) })
}
