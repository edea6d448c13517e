import { memo, type ReactElement, useId, useRef } from 'react'
import { useInbox } from '../../apps/notifications/use-inbox.ts'
import { describeError } from '../../react/index.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { Entry } from './entry.tsx'

const shownInPanel = 8

/** The bell with the unread count; pressing it shows the newest notifications. */
export const Bell = memo(function Bell(): ReactElement {
  const id = useId()
  const panel = useRef<HTMLDivElement>(null)
  const { inbox, error, markRead, markAllRead } = useInbox()
  const unread = inbox?.unreadCount ?? 0
  const close = (): void => panel.current?.hidePopover()
  const entries = inbox?.entries.slice(0, shownInPanel) ?? []
  return (
    <>
      <button type="button" className="quiet bell" popoverTarget={id}>
        <svg aria-hidden="true" viewBox="0 0 20 20" width="20" height="20">
          <path d="M10 2.750a4.750 4.750 0 0 0-4.750 4.750c0 4.500-1.750 6-1.750 6h13s-1.750-1.500-1.750-6A4.750 4.750 0 0 0 10 2.750ZM8.250 16.250a1.850 1.850 0 0 0 3.500 0" />
        </svg>
        <span className="tidings-hidden">Inbox</span>
        {unread > 0 ? (
          <span className="count bell-count">
            {unread > 99 ? '99+' : unread}
            <span className="tidings-hidden"> unread</span>
          </span>
        ) : null}
      </button>
      <div ref={panel} id={id} popover="auto" className="panel inbox-panel" role="dialog" aria-label="Your inbox">
        <div className="inbox-head">
          <h2>Inbox</h2>
          <button type="button" className="quiet" disabled={unread === 0} onClick={() => void markAllRead()}>
            Mark all read
          </button>
        </div>
        <Refusal text={inbox === null ? describeError(error) : null} />
        {inbox !== null && entries.length === 0 ? <p className="note">No notifications yet.</p> : null}
        <ul className="entries">
          {entries.map((entry) => (
            <Entry key={entry.id} entry={entry} onRead={(entryId) => void markRead(entryId)} onFollow={close} />
          ))}
        </ul>
        <p className="inbox-foot">
          <Link to={{ page: 'inbox' }} onFollow={close}>
            View inbox
          </Link>
        </p>
      </div>
    </>
  )
})
