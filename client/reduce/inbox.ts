import type { InboxEventFieldsFragment, NotificationFieldsFragment } from '../gql/graphql.ts'
import { ignoreUnknown, isNews } from './fold.ts'

/** An event of an inbox with the fields of the fragment `InboxEventFields` (client/documents/inbox.graphql). */
export type InboxEvent = InboxEventFieldsFragment

/** What the viewer was told. */
export interface InboxEntry extends NotificationFieldsFragment {
  /** The number of the event that brought it while this page was there; null for what a snapshot had. */
  readonly arrivedSeq: number | null
}

/** What is known of an inbox after the events that were folded into it. */
export interface InboxState {
  /** Newest first; the newest at least. */
  readonly entries: readonly InboxEntry[]
  readonly unreadCount: number
  /** Whether the server has older ones than the first snapshot had. */
  readonly hasMore: boolean
  /** When what is not among the entries was read here or elsewhere, by id, RFC 3339: for older pages that were fetched before. */
  readonly readAt: ReadonlyMap<string, string>
  /** What has expired while this page was there. */
  readonly removed: ReadonlySet<string>
  /** The place of the last event. */
  readonly cursor: string
  readonly seq: number
  /** Where the log began anew, so that the same word of it is not taken twice; null as long as it did not. */
  readonly resetCursor: string | null
}

type EventOf<Name extends InboxEvent['__typename']> = Extract<InboxEvent, { readonly __typename: Name }>

/**
 * Folds one event into what is known of an inbox. Pure: the same events give the same state, however they were cut, repeated or resumed.
 *
 * An event that is not newer than the state changes nothing, and the same object is returned. A snapshot replaces what it has; older entries
 * are kept where it goes on from them. Events of a type that this client does not know are folded as what every event tells: the count.
 *
 * @param state - undefined before the first event, which is a snapshot
 */
export function reduceInbox(state: InboxState | undefined, event: InboxEvent): InboxState {
  const before = state ?? empty
  if (event.__typename === 'InboxSnapshot') return isNews(before, event) ? foldSnapshot(before, event) : before
  if (event.seq <= before.seq) return before
  const { unreadCount, cursor, seq } = event
  const after = { ...before, unreadCount, cursor, seq }
  switch (event.__typename) {
    case 'NotificationArrived': {
      const { notification } = event
      const others = before.entries.filter(({ id }) => id !== notification.id)
      return { ...after, entries: [{ ...notification, arrivedSeq: seq }, ...others] }
    }
    case 'NotificationsRead':
      return foldRead(after, event)
    case 'NotificationsRemoved': {
      const gone = new Set(event.ids)
      return {
        ...after,
        entries: before.entries.filter(({ id }) => !gone.has(id)),
        removed: new Set([...before.removed, ...gone]),
      }
    }
    default:
      return ignoreUnknown(event, after)
  }
}

const empty: InboxState = {
  entries: [],
  unreadCount: 0,
  hasMore: false,
  readAt: new Map(),
  removed: new Set(),
  cursor: '',
  seq: 0,
  resetCursor: null,
}

function foldSnapshot(before: InboxState, event: EventOf<'InboxSnapshot'>): InboxState {
  const { reason, seq, cursor, unreadCount, hasMore, newest } = event
  const arrivals = new Map(before.entries.map(({ id, arrivedSeq }) => [id, arrivedSeq]))
  const isReset = reason === 'RESET'
  return {
    // What is older than the snapshot's entries was perhaps read or removed meanwhile: it is fetched anew by whoever shows it.
    entries: newest.map((one) => ({ ...one, arrivedSeq: isReset ? null : (arrivals.get(one.id) ?? null) })),
    unreadCount,
    hasMore,
    readAt: new Map(),
    removed: isReset ? new Set() : before.removed,
    cursor,
    seq,
    resetCursor: isReset ? cursor : before.resetCursor,
  }
}

function foldRead(state: InboxState, { ids, at }: EventOf<'NotificationsRead'>): InboxState {
  const read = new Set(ids)
  const known = new Set(state.entries.map(({ id }) => id))
  const others = ids.filter((id) => !known.has(id))
  return {
    ...state,
    entries: state.entries.map((one) => (read.has(one.id) && one.readAt === null ? { ...one, readAt: at } : one)),
    readAt: others.length === 0 ? state.readAt : new Map([...state.readAt, ...others.map((id) => [id, at] as const)]),
  }
}

/** An entry that was fetched some time ago, as it is now; null when it is gone. */
export function bringUpToDate(
  { entries, readAt, removed }: Pick<InboxState, 'entries' | 'readAt' | 'removed'>,
  fetched: NotificationFieldsFragment,
): NotificationFieldsFragment | null {
  if (removed.has(fetched.id)) return null
  const known = entries.find(({ id }) => id === fetched.id)
  return known ?? { ...fetched, readAt: fetched.readAt ?? readAt.get(fetched.id) ?? null }
}
