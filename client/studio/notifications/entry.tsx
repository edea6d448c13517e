import type { ReactElement } from 'react'
import type { NotificationFieldsFragment } from '../../gql/graphql.ts'
import { formatMinute } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { leadOf } from './lead.ts'
import { LevelSign } from './level-sign.tsx'

/** The title of a notification, linked to its subject. */
export function EntryTitle(props: {
  readonly entry: NotificationFieldsFragment
  readonly onFollow: () => void
}): ReactElement {
  const { entry, onFollow } = props
  const lead = leadOf(entry.about)
  if (lead === null) return <span className="entry-title">{entry.title}</span>
  return (
    <Link to={lead} className="entry-title" onFollow={onFollow}>
      {entry.title}
    </Link>
  )
}

/** One notification in a list. */
export function Entry(props: {
  readonly entry: NotificationFieldsFragment
  readonly onRead: (id: string) => void
  /** Called when the user follows the link to its subject; this marks it as read. */
  readonly onFollow?: () => void
}): ReactElement {
  const { entry, onRead, onFollow } = props
  const { id, level, title, message, isForEveryone, createdAt, readAt } = entry
  const isUnread = readAt === null
  const follow = (): void => {
    if (isUnread) onRead(id)
    onFollow?.()
  }
  return (
    <li className="entry" data-unread={isUnread}>
      <LevelSign level={level} />
      <div className="entry-text">
        <p>
          {isUnread ? <span className="tidings-hidden">Unread. </span> : null}
          <EntryTitle entry={entry} onFollow={follow} />
        </p>
        {message === null ? null : <p className="entry-message">{message}</p>}
        <p className="note">
          <time dateTime={createdAt}>{formatMinute(createdAt)}</time>
          {isForEveryone ? ' · to everyone' : ''}
        </p>
      </div>
      {isUnread ? (
        <button
          type="button"
          className="quiet entry-read"
          title="Mark as read"
          aria-label={`Mark as read: ${title}`}
          onClick={() => onRead(id)}
        >
          <svg aria-hidden="true" viewBox="0 0 20 20" width="20" height="20">
            <path d="m4.500 10.600 3.800 3.800 7.200-8.300" />
          </svg>
          <span>Mark as read</span>
        </button>
      ) : null}
    </li>
  )
}
