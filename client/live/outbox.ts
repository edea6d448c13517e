import type { Store } from './store.ts'

/** A mutation that waits to be sent, is on its way for a second time, or was refused. */
export interface OutboxEntry {
  readonly id: string
  /** The mutation's root field, such as `retryContent`. */
  readonly field: string
  readonly variables: Readonly<Record<string, unknown>>
  /** When it was made, in milliseconds since 1970. */
  readonly createdAt: number
  readonly status: 'waiting' | 'sending' | 'refused'
  /** How often it was sent without an answer. */
  readonly attempts: number
  /** Why it waits or was refused, in words. */
  readonly reason: string
}

/** What has been done and not yet answered. */
export interface OutboxState {
  /** In the order in which they are sent. */
  readonly pending: readonly OutboxEntry[]
  /** Sent late and refused; their optimistic results are rolled back. They stay until they are dismissed. */
  readonly refused: readonly OutboxEntry[]
}

/** The outbox as a store. */
export interface OutboxStore extends Store<OutboxState> {
  /** Takes back a mutation that waits, or forgets one that was refused. */
  dismiss(id: string): void
}
