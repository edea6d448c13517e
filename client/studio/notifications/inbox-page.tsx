import { type ReactElement, useCallback, useState } from 'react'
import { bringUpToDate, type InboxState } from '../../apps/notifications/reduce-inbox.ts'
import { useInbox } from '../../apps/notifications/use-inbox.ts'
import { InboxDocument, type NotificationFieldsFragment } from '../../gql/graphql.ts'
import { describeError, useTidings } from '../../react/index.ts'
import { Refusal } from '../parts/refusal.tsx'
import { useTitle } from '../shell/use-title.ts'
import { Entry } from './entry.tsx'

const pageLength = 30

/** All current notifications of the viewer that have not expired. */
export function InboxPage(): ReactElement {
  const { inbox, error, markRead, markAllRead } = useInbox()
  const [refusal, setRefusal] = useState<string | null>(null)
  const older = useOlder()
  useTitle('Inbox')
  if (inbox === null)
    return (
      <p className="page-note" role={error === null ? 'status' : 'alert'}>
        {describeError(error) ?? 'Loading …'}
      </p>
    )
  const { unreadCount, hasMore } = inbox
  const entries = merge(inbox, older.entries)
  const mayHaveMore = older.hasMore ?? hasMore
  const failure = refusal ?? older.failure
  return (
    <section className="inbox" aria-labelledby="inbox-title">
      <header className="inbox-head">
        <div>
          <h1 id="inbox-title">Inbox</h1>
          <p className="note" role="status">
            {unreadCount === 0 ? 'No unread notifications' : `${unreadCount} unread`}
          </p>
        </div>
        <button
          type="button"
          disabled={unreadCount === 0}
          onClick={() => {
            void markAllRead().then(setRefusal)
          }}
        >
          Mark all read
        </button>
      </header>
      <Refusal text={failure} />
      {entries.length === 0 ? (
        <p className="note">No notifications yet. Tasks that end while you are away are listed here.</p>
      ) : null}
      <ul className="entries">
        {entries.map((entry) => (
          <Entry
            key={entry.id}
            entry={entry}
            onRead={(id) => {
              void markRead(id).then(setRefusal)
            }}
          />
        ))}
      </ul>
      {mayHaveMore ? (
        <p className="inbox-foot">
          <button type="button" disabled={older.isLoading} onClick={older.load}>
            {older.isLoading ? 'Loading …' : 'Show older'}
          </button>
        </p>
      ) : null}
    </section>
  )
}

interface Older {
  readonly entries: readonly NotificationFieldsFragment[]
  /** Null before the first page. */
  readonly hasMore: boolean | null
  readonly isLoading: boolean
  readonly failure: string | null
  readonly load: () => void
}

/**
 * Fetches page after page, starting with the newest: the live entries and the pages overlap, no
 * matter what arrives in between.
 */
function useOlder(): Older {
  const { urql } = useTidings()
  const [state, setState] = useState<Omit<Older, 'load'> & { readonly after: string | null }>({
    entries: [],
    hasMore: null,
    isLoading: false,
    failure: null,
    after: null,
  })
  const { after } = state
  const load = useCallback(() => {
    setState((before) => ({ ...before, isLoading: true, failure: null }))
    const variables = { first: pageLength, after }
    void urql
      .query(InboxDocument, variables, { requestPolicy: 'network-only' })
      .toPromise()
      .then(({ data, error }) =>
        setState((before) => ({
          entries: [...before.entries, ...(data?.inbox.nodes ?? [])],
          hasMore: data?.inbox.pageInfo.hasNextPage ?? before.hasMore,
          after: data?.inbox.pageInfo.endCursor ?? before.after,
          isLoading: false,
          failure: describeError(error),
        })),
      )
  }, [urql, after])
  return { ...state, load }
}

/** Returns the live entries, then the fetched older ones in their current state. */
function merge(
  inbox: InboxState,
  fetched: readonly NotificationFieldsFragment[],
): readonly NotificationFieldsFragment[] {
  const liveIds = new Set(inbox.entries.map(({ id }) => id))
  const olderEntries = fetched.flatMap((notification) =>
    liveIds.has(notification.id) ? [] : (bringUpToDate(inbox, notification) ?? []),
  )
  return [...inbox.entries, ...olderEntries]
}
