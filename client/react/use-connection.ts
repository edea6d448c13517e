import { useSyncExternalStore } from 'react'
import type { ConnectionState } from '../connection/connection-state.ts'
import type { OutboxStore } from '../outbox/outbox.ts'
import { useTidings } from './provider.ts'

/**
 * Returns the actual state of the connection, and `reconnect`, which tries again at once.
 * @example
 * const { status, reconnect } = useConnection()
 */
export function useConnection(): ConnectionState & { readonly reconnect: () => void } {
  const { connection } = useTidings()
  const state = useSyncExternalStore(connection.subscribe, connection.getSnapshot, connection.getSnapshot)
  return { ...state, reconnect: connection.reconnect }
}

/**
 * Returns the mutations that wait to be sent, and those that were refused after waiting.
 * @example
 * const { pending } = useOutbox()
 * if (pending.length > 0) return <p>{pending.length} changes wait to be sent.</p>
 */
export function useOutbox(): ReturnType<OutboxStore['getSnapshot']> & Pick<OutboxStore, 'dismiss'> {
  const { outbox } = useTidings()
  const state = useSyncExternalStore(outbox.subscribe, outbox.getSnapshot, outbox.getSnapshot)
  return { ...state, dismiss: outbox.dismiss }
}
