import { backoff } from '../base/backoff.ts'
import { after, hasNetwork, watchEnvironment } from '../base/environment.ts'
import { createStore, type Store } from '../base/store.ts'
import type { Timing } from '../base/timing.ts'
import type { ConnectionState } from '../connection/connection-state.ts'
import type { StoredMutation } from './outbox-storage.ts'

/** A mutation that waits to be sent, is being sent again, or was refused. */
export interface OutboxEntry {
  readonly id: string
  /** The mutation's first field, such as `retryContent`. */
  readonly field: string
  readonly variables: Readonly<Record<string, unknown>>
  /** When it was made, in milliseconds since 1970. */
  readonly createdAt: number
  readonly status: 'waiting' | 'sending' | 'refused'
  /** How many times it was sent without a response. */
  readonly attempts: number
  /** Why it waits or was refused, as a sentence. */
  readonly reason: string
}

/** The mutations that are not answered yet, or were refused after waiting. */
export interface OutboxState {
  /** In the order in which they are sent. */
  readonly pending: readonly OutboxEntry[]
  /**
   * Sent late and refused; their optimistic updates are rolled back. They remain until they are
   * dismissed.
   */
  readonly refused: readonly OutboxEntry[]
}

/** The outbox as a store. */
export interface OutboxStore extends Store<OutboxState> {
  /** Cancels a waiting mutation, or removes a refused one. */
  dismiss(id: string): void
}

/** A mutation as the outbox handles it. */
interface Outgoing {
  readonly id: string
  /**
   * Returns the user that made it; undefined while the user is unknown, and until then the mutation
   * is not stored.
   */
  readonly user: () => string | null | undefined
  /**
   * Determines {@link Outgoing.user}. Never rejects. Returns undefined where the user is known or
   * not needed.
   */
  identify(): Promise<unknown> | undefined
  readonly field: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly createdAt: number
  /** How many times it was sent before it entered this outbox. */
  readonly attempts: number
  /** Whether sending it twice has the same effect as sending it once. */
  readonly isRepeatable: boolean
  /**
   * The outbox lane. Mutations with the same name are sent serially, in the order in which they
   * were made; others need not wait for each other.
   */
  readonly line?: string | undefined
  /** The document as text, to store it across reloads; null for a mutation with files. */
  readonly query: string | null
  send(): void
  /** Called when it will not be sent after all. */
  abandon(reason: string): void
}

/** The outcome of a mutation that was sent. */
export type Outcome =
  | { readonly is: 'answered' }
  | { readonly is: 'refused'; readonly reason: string }
  /** Another user is signed in: it was not sent, and is kept for the user that made it. */
  | { readonly is: 'held' }
  /** There was no response, or none from the server itself, or the server could not answer now. */
  | { readonly is: 'unanswered'; readonly reason: string }

/** The implementation behind {@link OutboxStore}. */
export interface Outbox extends OutboxStore {
  /** Sends a mutation now, or queues it when others wait already or nothing can be sent. */
  take(outgoing: Outgoing, options?: { readonly mustWait?: boolean }): void
  /**
   * Records the outcome. @returns whether the mutation is done; otherwise it waits to be sent again
   */
  settle(id: string, outcome: Outcome): boolean
  /** Returns the mutations held for a user who is signed in again, to be taken again at once. */
  release(user: string | null | undefined): readonly StoredMutation[]
  /**
   * Sends no new mutation until the returned function is called, as mutations of an earlier page
   * come first. Several pauses may overlap.
   */
  pause(): () => void
  /** Stores the mutations again after a change of another property, such as their user. */
  refresh(): void
  dispose(): void
}

interface Entry {
  readonly outgoing: Outgoing
  /** The order in which it was made, relative to the others. */
  readonly order: number
  view: OutboxEntry
}

function toStored({ outgoing, view, order }: Entry): readonly StoredMutation[] {
  const { query, isRepeatable, line } = outgoing
  const user = outgoing.user()
  if (query === null || user === undefined || (view.status === 'sending' && !isRepeatable)) return []
  const { id, variables, createdAt, attempts, reason } = view
  return [{ id, user, query, variables, createdAt, order, attempts, reason, line, isRepeatable }]
}

/**
 * The longest wait for the storage, in milliseconds. Sending a mutation without storing it is
 * better than not sending it.
 */
export const maxStoreMs = 2_000

/** Resolves when `work` settles, or after `ms`. Never rejects. */
export function settleWithin(work: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const stopTimer = after(ms, resolve, { isIdle: true })
    const end = (): void => {
      stopTimer()
      resolve()
    }
    work.then(end, end)
  })
}

/**
 * Whether the server cannot be reached. A working connection outweighs what the device reports
 * about its network: the server may run on the same device.
 */
function cannotReach({ status }: ConnectionState): boolean {
  if (status === 'live' || status === 'degraded') return false
  return status === 'reconnecting' || status === 'offline' || !hasNetwork()
}

/**
 * Creates the outbox. As long as the connection works, mutations are sent immediately and
 * concurrently. After one could not be sent, they wait, and are sent serially in the order in which
 * they were made.
 *
 * A mutation that may have been carried out, although there was no response, is only sent again
 * when it is repeatable.
 *
 * Every repeatable mutation is stored before it is sent and removed when it is answered, so that a
 * page that is killed in between loses nothing.
 *
 * @param options.persist - stores the unanswered mutations in place of the previous list. Resolves
 * when they are stored and never rejects; returns undefined where nothing is stored. A mutation
 * that must not be sent twice leaves the list the moment it is sent
 */
export function createOutbox(options: {
  readonly connection: Store<ConnectionState>
  readonly timing: Timing
  readonly persist: (pending: readonly StoredMutation[]) => Promise<void> | undefined
}): Outbox {
  const { connection, timing } = options
  const store = createStore<OutboxState>({ pending: [], refused: [] })
  /** Sent without having waited, and not answered yet. */
  const flying = new Map<string, Entry>()
  /** Mutations of users that are not signed in now. */
  let heldMutations: readonly StoredMutation[] = []
  let lastOrder = 0
  let queue: readonly Entry[] = []
  let stopTimer: () => void = () => undefined
  let stopListening: (() => void) | undefined
  let isDisposed = false
  let pauses = 0

  const persist = (): Promise<void> | undefined =>
    options.persist([...heldMutations, ...[...flying.values(), ...queue].flatMap(toStored)])
  const publish = (change: Partial<OutboxState> = {}): void => {
    const pending = queue.map(({ view }) => view)
    store.set({ ...store.getSnapshot(), ...change, pending })
    void persist()
    // Listening keeps the connection open, so that its return is noticed.
    if (pending.length > 0) stopListening ??= connection.subscribe(onConnection)
    else {
      stopListening?.()
      stopListening = undefined
      stopTimer()
    }
  }
  const createEntry = (outgoing: Outgoing, status: OutboxEntry['status'], reason: string): Entry => {
    const { id, field, variables, createdAt, attempts } = outgoing
    return { outgoing, order: lastOrder, view: { id, field, variables, createdAt, attempts, reason, status } }
  }
  const enqueue = (entry: Entry): void => {
    queue = [...queue, entry].sort((a, b) => a.view.createdAt - b.view.createdAt || a.order - b.order)
    publish()
  }
  const change = (entry: Entry, view: Partial<OutboxEntry>): void => {
    entry.view = { ...entry.view, ...view }
    publish()
  }
  const send = async ({ outgoing }: Entry): Promise<void> => {
    const identification = outgoing.identify()
    if (identification !== undefined) await identification
    const storage = persist()
    if (storage !== undefined) await settleWithin(storage, maxStoreMs)
    outgoing.send()
  }
  const flush = (): void => {
    stopTimer()
    const [head] = queue
    if (head === undefined || head.view.status === 'sending' || isDisposed || pauses > 0) return
    // An earlier mutation may still have to join the queue.
    if ([...flying.values()].some(({ order }) => order < head.order)) return
    change(head, { status: 'sending' })
    void send(head)
  }
  let status = connection.getSnapshot().status
  const onConnection = (): void => {
    const before = status
    status = connection.getSnapshot().status
    if (status !== before && status !== 'connecting' && !cannotReach(connection.getSnapshot())) flush()
  }
  /**
   * Retries on a timer, for when the connection reports no change: it is closed, or works while
   * requests fail.
   */
  const retryLater = (attempts: number): void => {
    stopTimer()
    stopTimer = after(backoff(attempts + 1, timing.backoffMs, timing.maxBackoffMs, 0.5 + Math.random() / 2), () => {
      const [head] = queue
      if (head === undefined) return
      const isHopeless = cannotReach(connection.getSnapshot())
      // Requests may get through while the connection does not. A mutation that may be sent only
      // once waits for the connection.
      if (!isHopeless || (hasNetwork() && head.outgoing.isRepeatable)) flush()
      else retryLater(attempts)
    })
  }

  const stopWatching = watchEnvironment({ woken: () => flush(), wentOffline: () => undefined })

  return {
    subscribe: store.subscribe,
    getSnapshot: store.getSnapshot,
    take(outgoing, { mustWait = false } = {}) {
      lastOrder += 1
      const isAway = cannotReach(connection.getSnapshot())
      const { line } = outgoing
      const isBehind = line !== undefined && [...flying.values()].some((entry) => entry.outgoing.line === line)
      if (queue.length > 0 || isAway || mustWait || isBehind || pauses > 0) {
        const reason = isAway ? 'There is no connection to the server' : 'Others are sent before it'
        enqueue(createEntry(outgoing, 'waiting', reason))
        void outgoing.identify()
        if (isAway) retryLater(outgoing.attempts)
        else flush()
      } else {
        const entry = createEntry(outgoing, 'sending', 'It was on its way when its page was closed')
        flying.set(outgoing.id, entry)
        void send(entry)
      }
    },
    settle(id, outcome) {
      const queuedEntry = queue.find(({ view }) => view.id === id)
      const entry = queuedEntry ?? flying.get(id)
      if (entry === undefined) return true
      if (outcome.is === 'unanswered' && entry.outgoing.isRepeatable) {
        // It remains stored, for the next page.
        if (isDisposed) return true
        const attempts = entry.view.attempts + 1
        flying.delete(id)
        entry.view = { ...entry.view, status: 'waiting', attempts, reason: outcome.reason }
        if (queuedEntry === undefined) enqueue(entry)
        else publish()
        retryLater(attempts)
        return false
      }
      flying.delete(id)
      if (outcome.is === 'held')
        heldMutations = [...heldMutations, ...toStored({ ...entry, view: { ...entry.view, status: 'waiting' } })]
      if (queuedEntry === undefined) {
        void persist()
        flush()
        return true
      }
      queue = queue.filter((candidate) => candidate !== queuedEntry)
      const { refused } = store.getSnapshot()
      publish(
        outcome.is !== 'refused'
          ? {}
          : { refused: [...refused, { ...queuedEntry.view, status: 'refused', reason: outcome.reason }] },
      )
      flush()
      return true
    },
    release(user) {
      const releasedMutations = heldMutations.filter((mutation) => mutation.user === user)
      heldMutations = heldMutations.filter((mutation) => mutation.user !== user)
      return releasedMutations
    },
    pause() {
      pauses += 1
      let isPaused = true
      return () => {
        if (!isPaused) return
        isPaused = false
        pauses -= 1
        flush()
      }
    },
    refresh: () => void persist(),
    dismiss(id) {
      const entry = queue.find(({ view }) => view.id === id)
      // A mutation that is being sent cannot be canceled.
      if (entry?.view.status === 'sending') return
      queue = queue.filter((candidate) => candidate !== entry)
      publish({ refused: store.getSnapshot().refused.filter((refusal) => refusal.id !== id) })
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
