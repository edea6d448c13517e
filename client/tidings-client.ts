import type { Client } from '@urql/core'
import type { ConnectionStore } from './live/connection.ts'
import type { TidingsClientOptions } from './live/options.ts'
import type { OutboxStore } from './live/outbox.ts'
import type { TaskStates, WatchTaskOptions } from './live/watch-task.ts'

/** The client. Disposing closes its connection, ends its subscriptions and leaves no timer behind. */
export interface TidingsClient extends AsyncDisposable {
  /** A urql client as any other; its subscriptions resume by themselves. */
  readonly urql: Client
  /** The truth about the connection. */
  readonly connection: ConnectionStore
  /** Mutations that were made offline, and what became of them. */
  readonly outbox: OutboxStore
  /** Watches one task without React: its events in order, each once; `.states()` folds them. */
  watchTask(id: string, options?: WatchTaskOptions): TaskStates
  /** Idempotent; mutations that wait stay in the storage. */
  dispose(): Promise<void>
}

/**
 * Creates a client. Opens nothing yet: the connection is made for the first subscription or the first listener of
 * `connection`, and kept while there is one.
 *
 * @throws TypeError when `url` is not an http(s) address
 */
export function createTidingsClient(options: TidingsClientOptions): TidingsClient {
  throw new TypeError(`Not written yet: ${options.url}`)
}
