import { backoff } from './backoff.ts'
import type { ConnectionState } from './connection.ts'
import { after, hasNetwork, watchEnvironment } from './environment.ts'
import type { StoredMutation } from './outbox-storage.ts'
import { createStore, type Store } from './store.ts'
import type { Timing } from './timing.ts'

/** A mutation that waits to be sent, is on its way for a second time, or was refused. */
export interface OutboxEntry {
  readonly id: string
  /** The mutation's first field, such as `retryContent`. */
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

/** A mutation as the outbox handles it. */
export interface Outgoing {
  readonly id: string
  /** Who made it; undefined when that is not known, and then it is not kept beyond a reload. */
  readonly user: string | null | undefined
  readonly field: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly createdAt: number
  /** How often it was sent before it came here. */
  readonly attempts: number
  /** Whether sending it twice has the effect of sending it once. */
  readonly isRepeatable: boolean
  /** Those with the same name are sent one after the other, in the order in which they were made; others need not wait for each other. */
  readonly line?: string | undefined
  /** The document as text, for one that can be kept beyond a reload; null for one with files. */
  readonly query: string | null
  send(): void
  /** It will not be sent after all. */
  abandon(reason: string): void
}

/** What became of a mutation that was sent. */
export type Outcome =
  | { readonly is: 'answered' }
  | { readonly is: 'refused'; readonly reason: string }
  /** Another user is signed in: it was not sent, and is kept for the one who made it. */
  | { readonly is: 'held' }
  /** Nobody answered, or not in earnest. */
  | { readonly is: 'unanswered'; readonly reason: string }

/** The queue behind {@link OutboxStore}. */
export interface Outbox extends OutboxStore {
  /** Sends a mutation now, or keeps it when others wait already or nothing can be sent. */
  take(outgoing: Outgoing, options?: { readonly mustWait?: boolean }): void
  /** @returns whether the mutation is over; otherwise it waits to be sent again */
  settle(id: string, outcome: Outcome): boolean
  /** Gives out what was held for a user who is back: to be taken again at once. */
  release(user: string | null | undefined): readonly StoredMutation[]
  dispose(): void
}

interface Entry {
  readonly outgoing: Outgoing
  /** When it was made, compared with the others. */
  readonly order: number
  view: OutboxEntry
}

function toStored({ outgoing, view }: Entry): readonly StoredMutation[] {
  const { query, isRepeatable, user } = outgoing
  if (query === null || user === undefined || (view.status === 'sending' && !isRepeatable)) return []
  const { id, variables, createdAt, attempts, reason } = view
  return [{ id, user, query, variables, createdAt, attempts, reason }]
}

/** A connection that works outweighs what the device says of its network: the server may be on this very device. */
function cannotReach({ status }: ConnectionState): boolean {
  if (status === 'live' || status === 'degraded') return false
  return status === 'reconnecting' || status === 'offline' || !hasNetwork()
}

/**
 * Creates the queue of mutations. As long as all is well, mutations are sent as they come, beside each other. Once one could
 * not be sent they wait, and go out one after the other in the order in which they were made.
 *
 * A mutation that may have been carried out although nobody answered is only sent again when it is repeatable.
 *
 * @param options.onPending - called after each change with what is to be kept. One that may not be sent twice is not among
 * them from the moment it is sent
 */
export function createOutbox(options: {
  readonly connection: Store<ConnectionState>
  readonly timing: Timing
  readonly onPending: (pending: readonly StoredMutation[]) => void
}): Outbox {
  const { connection, timing, onPending } = options
  const store = createStore<OutboxState>({ pending: [], refused: [] })
  /** Sent and not answered yet, without having waited. */
  const flying = new Map<string, { readonly outgoing: Outgoing; readonly order: number }>()
  /** Of users who are not signed in now. */
  let held: readonly StoredMutation[] = []
  let taken = 0
  let queue: readonly Entry[] = []
  let stopTimer: () => void = () => undefined
  let stopListening: (() => void) | undefined
  let isDisposed = false

  const publish = (change: Partial<OutboxState> = {}): void => {
    const pending = queue.map(({ view }) => view)
    store.set({ ...store.getSnapshot(), ...change, pending })
    onPending([...held, ...queue.flatMap(toStored)])
    // Listening keeps the connection open, so that its return is noticed.
    if (pending.length > 0) stopListening ??= connection.subscribe(onConnection)
    else {
      stopListening?.()
      stopListening = undefined
      stopTimer()
    }
  }
  const enqueue = (outgoing: Outgoing, order: number, attempts: number, reason: string): void => {
    const { id, field, variables, createdAt } = outgoing
    const view: OutboxEntry = { id, field, variables, createdAt, attempts, reason, status: 'waiting' }
    queue = [...queue, { outgoing, order, view }].sort(
      (a, b) => a.view.createdAt - b.view.createdAt || a.order - b.order,
    )
    publish()
  }
  const change = (entry: Entry, view: Partial<OutboxEntry>): void => {
    entry.view = { ...entry.view, ...view }
    publish()
  }
  const flush = (): void => {
    stopTimer()
    const [head] = queue
    if (head === undefined || head.view.status === 'sending' || isDisposed) return
    // One that was made before may yet come to wait.
    if ([...flying.values()].some(({ order }) => order < head.order)) return
    change(head, { status: 'sending' })
    head.outgoing.send()
  }
  let status = connection.getSnapshot().status
  const onConnection = (): void => {
    const before = status
    status = connection.getSnapshot().status
    if (status !== before && status !== 'connecting' && !cannotReach(connection.getSnapshot())) flush()
  }
  /** For when the connection tells nothing new: it is closed, or works while requests fail. */
  const retryLater = (attempts: number): void => {
    stopTimer()
    stopTimer = after(backoff(attempts + 1, timing.backoffMs, timing.maxBackoffMs, 0.5 + Math.random() / 2), () => {
      const [head] = queue
      if (head === undefined) return
      const isHopeless = cannotReach(connection.getSnapshot())
      // Requests may get through where the connection does not; but what may be sent only once waits until that is known.
      if (!isHopeless || (hasNetwork() && head.outgoing.isRepeatable)) flush()
      else retryLater(attempts)
    })
  }

  const stopWatching = watchEnvironment({ woken: flush, wentOffline: () => undefined })

  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    take(outgoing, { mustWait = false } = {}) {
      taken += 1
      const isAway = cannotReach(connection.getSnapshot())
      const { line } = outgoing
      const isBehind = line !== undefined && [...flying.values()].some((one) => one.outgoing.line === line)
      if (queue.length > 0 || isAway || mustWait || isBehind) {
        enqueue(
          outgoing,
          taken,
          outgoing.attempts,
          isAway ? 'There is no connection to the server' : 'Others are sent before it',
        )
        if (isAway) retryLater(outgoing.attempts)
        else flush()
      } else {
        flying.set(outgoing.id, { outgoing, order: taken })
        outgoing.send()
      }
    },
    settle(id, outcome) {
      const entry = queue.find(({ view }) => view.id === id)
      const found = entry ?? flying.get(id)
      flying.delete(id)
      if (found === undefined || isDisposed) return true
      const { outgoing, order } = found
      if (outcome.is === 'unanswered' && outgoing.isRepeatable) {
        const attempts = (entry?.view.attempts ?? outgoing.attempts) + 1
        if (entry === undefined) enqueue(outgoing, order, attempts, outcome.reason)
        else change(entry, { status: 'waiting', attempts, reason: outcome.reason })
        retryLater(attempts)
        return false
      }
      if (entry === undefined) {
        flush()
        return true
      }
      queue = queue.filter((other) => other !== entry)
      if (outcome.is === 'held') held = [...held, ...toStored({ ...entry, view: { ...entry.view, status: 'waiting' } })]
      const { refused } = store.getSnapshot()
      publish(
        outcome.is !== 'refused'
          ? {}
          : { refused: [...refused, { ...entry.view, status: 'refused', reason: outcome.reason }] },
      )
      flush()
      return true
    },
    release(user) {
      const released = held.filter((one) => one.user === user)
      held = held.filter((one) => one.user !== user)
      return released
    },
    dismiss(id) {
      const entry = queue.find(({ view }) => view.id === id)
      // What is on its way cannot be taken back.
      if (entry?.view.status === 'sending') return
      queue = queue.filter((other) => other !== entry)
      publish({ refused: store.getSnapshot().refused.filter((other) => other.id !== id) })
      entry?.outgoing.abandon('Taken back before it was sent')
    },
    dispose() {
      if (isDisposed) return
      isDisposed = true
      stopWatching()
      stopTimer()
      stopListening?.()
    },
  }
}
