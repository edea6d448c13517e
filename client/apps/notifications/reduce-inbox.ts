import type { InboxEventFieldsFragment, NotificationFieldsFragment } from '../../gql/graphql.ts'
import { ignoreUnknown, isNewerSnapshot } from '../../index.ts'

/**
 * An event of an inbox with the fields of the fragment `InboxEventFields`
 * (client/apps/notifications/inbox.graphql).
 */
export type InboxEvent = InboxEventFieldsFragment

/** A notification of the viewer. */
export interface InboxEntry extends NotificationFieldsFragment {
  /**
   * The number of the event that added it while this page was open; null for a notification from a
   * snapshot.
   */
  readonly arrivedSeq: number | null
}

/** The state of an inbox after folding its events. */
export interface InboxState {
  /** Newest first; always contains the newest one. */
  readonly entries: readonly InboxEntry[]
  readonly unreadCount: number
  /** Whether the server has notifications older than those of the first snapshot. */
  readonly hasMore: boolean
  /**
   * When notifications outside of `entries` were read, by id, RFC 3339: for older pages that were
   * fetched before.
   */
  readonly readAt: ReadonlyMap<string, string>
  /** The ids of notifications that expired while this page was open. */
  readonly removed: ReadonlySet<string>
  /** The cursor of the last event. */
  readonly cursor: string
  readonly seq: number
  /**
   * The cursor of the last reset snapshot, so that the same reset is not folded twice; null without
   * one.
   */
  readonly resetCursor: string | null
}

type EventOf<Name extends InboxEvent['__typename']> = Extract<InboxEvent, { readonly __typename: Name }>

/**
 * Folds one event into the state of an inbox. Pure: the same events give the same state, no matter
 * how they were split, repeated or resumed.
 *
 * An event that is not newer than the state changes nothing, and the same object is returned. A
 * snapshot replaces the parts it contains. For an event of a type that this client does not know,
 * only the fields common to all events are folded: the unread count.
 *
 * @param state - undefined before the first event, which is a snapshot
 */
export function reduceInbox(state: InboxState | undefined, event: InboxEvent): InboxState {
  const before = state ?? empty
  if (event.__typename === 'InboxSnapshot') return isNewerSnapshot(before, event) ? foldSnapshot(before, event) : before
  if (event.seq <= before.seq) return before
  const { unreadCount, cursor, seq } = event
  const after = { ...before, unreadCount, cursor, seq }
  switch (event.__typename) {
    case 'NotificationArrived': {
      const { notification } = event
      const otherEntries = before.entries.filter(({ id }) => id !== notification.id)
      return { ...after, entries: [{ ...notification, arrivedSeq: seq }, ...otherEntries] }
    }
    case 'NotificationsRead':
      return foldRead(after, event)
    case 'NotificationsRemoved': {
      const removedIds = new Set(event.ids)
      return {
        ...after,
        entries: before.entries.filter(({ id }) => !removedIds.has(id)),
        removed: new Set([...before.removed, ...removedIds]),
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
    // Entries older than the snapshot may have been read or removed meanwhile: a component that
    // shows them fetches them again.
    entries: newest.map((notification) => ({
      ...notification,
      arrivedSeq: isReset ? null : (arrivals.get(notification.id) ?? null),
    })),
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
  const entryIds = new Set(state.entries.map(({ id }) => id))
  const otherIds = ids.filter((id) => !entryIds.has(id))
  return {
    ...state,
    entries: state.entries.map((entry) =>
      read.has(entry.id) && entry.readAt === null ? { ...entry, readAt: at } : entry,
    ),
    readAt:
      otherIds.length === 0 ? state.readAt : new Map([...state.readAt, ...otherIds.map((id) => [id, at] as const)]),
  }
}

/**
 * Applies later changes to a notification that was fetched earlier; returns null when it was
 * removed.
 */
export function bringUpToDate(
  { entries, readAt, removed }: Pick<InboxState, 'entries' | 'readAt' | 'removed'>,
  fetched: NotificationFieldsFragment,
): NotificationFieldsFragment | null {
  if (removed.has(fetched.id)) return null
  const entry = entries.find(({ id }) => id === fetched.id)
  return entry ?? { ...fetched, readAt: fetched.readAt ?? readAt.get(fetched.id) ?? null }
}
