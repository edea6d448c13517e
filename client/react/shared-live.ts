import { type AnyVariables, type Client, type CombinedError, createRequest, type DocumentInput } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'
import type { TidingsClient } from '../tidings-client.ts'
import { type CoalescedStore, createCoalescedStore } from './coalesced-store.ts'

/** The current state of a subscription. */
export interface Live<State> {
  /** The fold of all events so far; undefined before the first. */
  readonly state: State | undefined
  /**
   * The server's refusal; null otherwise. A lost connection is not an error here: the connection
   * state reports it.
   */
  readonly error: CombinedError | null
  /** Whether the subscription has completed, so that no more events follow. */
  readonly isOver: boolean
}

/**
 * A pure fold of a subscription's data. It is part of the subscription's identity: define it
 * outside components.
 */
export type LiveReducer<Data, State> = (state: State | undefined, data: Data) => State

/**
 * Subscriptions and their folds, each shared by all components with the same document, variables
 * and reducer.
 */
interface SharedLive {
  /**
   * Adds a listener; the first one subscribes. After the last one is removed, the subscription ends
   * with a delay, so that a component that mounts soon afterwards finds its state unchanged.
   * @returns a function that removes the listener
   */
  subscribe<Data, State, Variables extends AnyVariables>(
    source: LiveSource<Data, State, Variables>,
    listener: () => void,
  ): () => void
  /** Returns the last published state; the same object until it changes. */
  read<Data, State, Variables extends AnyVariables>(source: LiveSource<Data, State, Variables>): Live<State>
  /**
   * Changes the state by data from a request: applies the change to the state that was current when the request began, and then folds
   * the events received since. Does nothing while another change is pending, or if the subscription has ended or has no state yet.
   * @throws the error of the request
   */
  change<Data, State, Variables extends AnyVariables>(
    source: LiveSource<Data, State, Variables>,
    request: (state: State) => Promise<(state: State) => State>,
  ): Promise<void>
  /** The number of open subscriptions, including those that linger. */
  readonly size: number
}

/** A subscription and its fold. */
export interface LiveSource<Data, State, Variables extends AnyVariables> {
  readonly document: DocumentInput<Data, Variables>
  readonly variables: Variables
  readonly reducer: LiveReducer<Data, State>
}

const nothingYet: Live<never> = { state: undefined, error: null, isOver: false }

/** Each subscription renders at most once in this time. */
const windowMs = 50
/** How long a subscription outlives its last listener, to survive navigation or a remount. */
const lingerMs = 1_000

interface Entry {
  readonly store: CoalescedStore<Live<unknown>>
  /** The data received since the pending change began; undefined while none is pending. */
  since: unknown[] | undefined
  close(): void
}

/** Creates the subscriptions that the components of one client share. */
function createSharedLive(urql: Client): SharedLive {
  const byReducer = new Map<unknown, Map<number, Entry>>()
  let openedCount = 0

  const find = <Data, State, Variables extends AnyVariables>({
    document,
    variables,
    reducer,
  }: LiveSource<Data, State, Variables>): Entry | undefined =>
    byReducer.get(reducer)?.get(createRequest(document, variables).key)

  const open = <Data, State, Variables extends AnyVariables>(source: LiveSource<Data, State, Variables>): Entry => {
    const { document, variables, reducer } = source
    const request = createRequest(document, variables)
    const entries = byReducer.get(reducer) ?? new Map<number, Entry>()
    byReducer.set(reducer, entries)
    let timer: ReturnType<typeof setTimeout> | undefined
    const store = createCoalescedStore<Live<State>>(nothingYet, {
      windowMs,
      onListeners(count) {
        clearTimeout(timer)
        if (count === 0) timer = setTimeout(close, lingerMs)
      },
    })
    const entry: Entry = { store, since: undefined, close }
    // A unique key: urql shares operations of equal keys, and a late subscriber would not receive
    // the snapshot again.
    const own = { ...request, key: (request.key ^ Math.imul(++openedCount, 0x9e3779b1)) >>> 0 }
    const subscription = pipe(
      urql.executeSubscription<Data, Variables>(own),
      onEnd(() => store.set({ ...store.latest, isOver: true })),
      subscribe(({ data, error }) => {
        const before = store.latest
        if (data) entry.since?.push(data)
        const state = data === undefined || data === null ? before.state : reducer(before.state, data)
        if (state !== before.state || error !== undefined) store.set({ ...before, state, error: error ?? null })
      }),
    )
    function close(): void {
      clearTimeout(timer)
      subscription.unsubscribe()
      store.close()
      entries.delete(request.key)
      if (entries.size === 0) byReducer.delete(reducer)
    }
    entries.set(request.key, entry)
    return entry
  }

  return {
    subscribe: (source, listener) => (find(source) ?? open(source)).store.subscribe(listener),
    read: <Data, State, Variables extends AnyVariables>(source: LiveSource<Data, State, Variables>) =>
      (find(source)?.store.getSnapshot() ?? nothingYet) as Live<State>,
    async change<Data, State, Variables extends AnyVariables>(
      source: LiveSource<Data, State, Variables>,
      request: (state: State) => Promise<(state: State) => State>,
    ) {
      const entry = find(source)
      const state = entry?.store.latest.state as State | undefined
      if (entry === undefined || entry.since !== undefined || state === undefined) return
      const since: Data[] = []
      entry.since = since
      try {
        const change = await request(state)
        entry.store.set({ ...entry.store.latest, state: since.reduce<State>(source.reducer, change(state)) })
      } finally {
        entry.since = undefined
      }
    },
    get size() {
      let count = 0
      for (const entries of byReducer.values()) count += entries.size
      return count
    },
  }
}

const ofClient = new WeakMap<TidingsClient, SharedLive>()

/** Returns the shared subscriptions of a client, the same ones under every provider. */
export function sharedLiveOf(client: TidingsClient): SharedLive {
  const shared = ofClient.get(client) ?? createSharedLive(client.urql)
  ofClient.set(client, shared)
  return shared
}
