import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { withTimeout } from '../async/timeout.ts'
import type { Logger } from '../logger.ts'
import type { Database } from './connect.ts'

/** Delay before a lost connection is opened again. */
const reconnectMs = 1_000
/** Maximum wait for a connection that is being opened, when this is disposed. */
const closePatienceMs = 1_000

/**
 * Listens to notifications of PostgreSQL, on one connection that is opened again when it is lost. They are lost meanwhile, and behind
 * a pooler of transactions.
 *
 * @param options.onListening - called when it listens, also again: what was sent before was missed
 * @param options.onNotification - called with the text of a notification
 */
export function createListener(options: {
  readonly database: Pick<Database, 'openPool'>
  readonly channel: `tidings.${string}`
  readonly logger: Logger
  readonly onListening: () => void
  readonly onNotification: (text: string) => void
}): AsyncDisposable {
  const { database, channel, logger, onListening, onNotification } = options
  const disposal = new AbortController()
  const { signal } = disposal
  const pool = database.openPool({ applicationName: 'tidings listen', maxConnections: 1, isDirect: true })

  /** Listens until the connection is lost, or this is disposed. */
  const listenOnce = async (): Promise<void> => {
    const client = await pool.connect()
    try {
      const end = once(client, 'end', { signal }).catch(() => undefined)
      client.on('notification', ({ payload = '' }) => onNotification(payload))
      await client.query(`listen "${channel}"`)
      onListening()
      await end
    } finally {
      client.release(true)
    }
  }
  const listen = async (): Promise<void> => {
    while (!signal.aborted) {
      await listenOnce().catch((error: unknown) => logger.warn({ err: error, channel }, 'failed to listen; retrying'))
      await delay(reconnectMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
  const listening = listen()
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    disposal.abort()
    await withTimeout(closePatienceMs, listening)
    await pool.end()
  }
  return {
    [Symbol.asyncDispose]() {
      closing ??= close()
      return closing
    },
  }
}
