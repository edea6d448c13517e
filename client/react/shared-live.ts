import { type AnyVariables, type Client, type CombinedError, createRequest, type DocumentInput } from '@urql/core'
import { onEnd, pipe, subscribe } from 'wonka'
import type { TidingsClient } from '../tidings-client.ts'
import { type CoalescedStore, createCoalescedStore } from './coalesced-store.ts'

/** What a subscription has come to. */
export interface Live<State> {
  /** The fold of all events so far; undefined before the first. */
  readonly state: State | undefined
  /** The server's refusal; null otherwise. A lost connection is none: that is told by the connection. */
  readonly error: CombinedError | null
  /** Whether nothing more will come: the subscription has completed. */
  readonly isOver: boolean
}

/** A pure fold of a subscription's data. It identifies what is shared: define it outside components. */
export type LiveReducer<Data, State> = (state: State | undefined, data: Data) => State

/** A subscription and its fold, shared by all who ask for the same: document, variables and reducer. */
export interface SharedLive {
  /**
   * Listens; the first listener subscribes. The last one that leaves ends the subscription, some time later, so that
   * somebody who comes at once finds everything as it was.
   * @returns what ends the listening
   */
  subscribe<Data, State, Variables extends AnyVariables>(
    source: LiveSource<Data, State, Variables>,
    listener: () => void,
  ): () => void
  /** What listeners were told last; the same object until something changes. */
  read<Data, State, Variables extends AnyVariables>(source: LiveSource<Data, State, Variables>): Live<State>
  /** Subscriptions that are open, lingering ones included. */
  readonly size: number
}

/** What is subscribed to, and how it is folded. */
export interface LiveSource<Data, State, Variables extends AnyVariables> {
  readonly document: DocumentInput<Data, Variables>
  readonly variables: Variables
  readonly reducer: LiveReducer<Data, State>
}

const nothingYet: Live<never> = { state: undefined, error: null, isOver: false }

/** At most one render in this time for each subscription. */
const windowMs = 50
/** How long a subscription outlives its last listener: a change of pages, a remount. */
const lingerMs = 1_000

interface Entry {
  readonly store: CoalescedStore<Live<unknown>>
  close(): void
}

/** Creates the subscriptions that the components of one client share. */
export function createSharedLive(urql: Client): SharedLive {
  const byReducer = new Map<unknown, Map<number, Entry>>()
  let opened = 0

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
    // A key of its own: urql joins operations of one key, and who joins late is not given the snapshot again.
    const own = { ...request, key: (request.key ^ Math.imul(++opened, 0x9e3779b1)) >>> 0 }
    const subscription = pipe(
      urql.executeSubscription<Data, Variables>(own),
      onEnd(() => store.set({ ...store.latest, isOver: true })),
      subscribe(({ data, error }) => {
        const before = store.latest
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
    const entry: Entry = { store, close }
    entries.set(request.key, entry)
    return entry
  }

  return {
    subscribe: (source, listener) => (find(source) ?? open(source)).store.subscribe(listener),
    read: <Data, State, Variables extends AnyVariables>(source: LiveSource<Data, State, Variables>) =>
      (find(source)?.store.getSnapshot() ?? nothingYet) as Live<State>,
    get size() {
      let count = 0
      for (const entries of byReducer.values()) count += entries.size
      return count
    },
  }
}

const ofClient = new WeakMap<TidingsClient, SharedLive>()

/** The one of a client, whatever provider it is given to. */
export function sharedLiveOf(client: TidingsClient): SharedLive {
  const shared = ofClient.get(client) ?? createSharedLive(client.urql)
  ofClient.set(client, shared)
  return shared
}
