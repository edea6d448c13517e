import type { ReactElement } from 'react'
import type { LiveInbox } from '../../apps/notifications/use-inbox.ts'
import { describeError } from '../../react/index.ts'
import { Entry } from '../notifications/entry.tsx'
import { Link } from '../parts/link.tsx'

const maxShown = 4

/** The newest notifications, with a link to the others. */
export function PanelNotifications({ live }: { readonly live: LiveInbox }): ReactElement {
  const { inbox, error, markRead, markAllRead } = live
  if (inbox === null) return <p className="note">{describeError(error) ?? 'Loading …'}</p>
  const entries = inbox.entries.slice(0, maxShown)
  return (
    <div className="inbox-panel">
      {entries.length === 0 ? <p className="note">No notifications yet.</p> : null}
      <ul className="entries">
        {entries.map((entry) => (
          <Entry key={entry.id} entry={entry} onRead={(id) => void markRead(id)} />
        ))}
      </ul>
      <p className="panel-foot">
        <Link to={{ page: 'inbox' }}>View inbox</Link>
        {inbox.unreadCount > 0 ? (
          <button type="button" className="quiet" onClick={() => void markAllRead()}>
            Mark all read
          </button>
        ) : null}
      </p>
    </div>
  )
}
