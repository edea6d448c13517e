import { useSyncExternalStore } from 'react'
import type { ConnectionState } from '../live/connection.ts'
import type { OutboxStore } from '../live/outbox.ts'
import { useTidings } from './provider.ts'

/** The truth about the connection, and a way to try again at once. */
export function useConnection(): ConnectionState & { readonly reconnect: () => void } {
  const { connection } = useTidings()
  const state = useSyncExternalStore(connection.subscribe, connection.getSnapshot, connection.getSnapshot)
  return { ...state, reconnect: connection.reconnect }
}

/** What was done and waits to be sent, or was refused when it was sent late. */
export function useOutbox(): ReturnType<OutboxStore['getSnapshot']> & Pick<OutboxStore, 'dismiss'> {
  const { outbox } = useTidings()
  const state = useSyncExternalStore(outbox.subscribe, outbox.getSnapshot, outbox.getSnapshot)
  return { ...state, dismiss: outbox.dismiss }
}
