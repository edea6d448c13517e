import { memo, type ReactElement } from 'react'
import type { SessionCard, SessionMessage } from '../../apps/sessions/session-state.ts'
import type { UnsentMessage } from '../../apps/sessions/unsent.ts'
import { StopReplyDocument, WriteReplyAgainDocument } from '../../gql/graphql.ts'
import { formatClock } from '../parts/dates.ts'
import { Link } from '../parts/link.tsx'
import { Markdown } from '../parts/markdown.tsx'
import { Problem } from '../parts/problem.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useChange } from '../use-change.ts'

/**
 * A user's message or a reply. Renders only when it has changed: in a burst, that is one of many.
 */
export const MessageView = memo(function MessageView(props: {
  readonly message: SessionMessage
  readonly me: string | null
  readonly cards: readonly SessionCard[]
  /** Whether the viewer asked for this reply, and may have it written again. */
  readonly isOwnReply: boolean
}): ReactElement {
  const { message, me } = props
  if (message.author === null) return <Reply {...props} />
  const isOwn = message.author === me
  return (
    <li className="message" data-own={isOwn} data-position={message.position}>
      <p className="message-head">
        <strong>{isOwn ? 'You' : message.author}</strong>
        <time dateTime={message.createdAt}>{formatClock(message.createdAt)}</time>
      </p>
      <p className="message-body">{message.body}</p>
    </li>
  )
})

function Reply(props: {
  readonly message: SessionMessage
  readonly cards: readonly SessionCard[]
  readonly isOwnReply: boolean
}): ReactElement {
  const { message, cards, isOwnReply } = props
  const { status, body, taskId, attempt, error, position } = message
  const stop = useChange(StopReplyDocument)
  const again = useChange(WriteReplyAgainDocument)
  const isWriting = status === 'WRITING'
  const canRetry = isOwnReply && (status === 'FAILED' || status === 'STOPPED')
  return (
    <li
      className="message reply"
      data-status={status}
      data-position={position}
      aria-busy={isWriting}
      // Focusable, so that keyboard users keep their position when the Stop button disappears.
      tabIndex={-1}
    >
      <p className="message-head">
        <strong>Reply</strong>
        {isWriting ? (
          <span className="busy-note">{attempt > 1 ? `Writing, attempt ${attempt} …` : 'Writing …'}</span>
        ) : null}
        {status === 'STOPPED' ? <span className="note">Stopped</span> : null}
        {isWriting && taskId !== null ? (
          <button
            type="button"
            className="quiet danger"
            aria-label="Stop the reply"
            disabled={stop.isSending}
            onClick={() => {
              void stop.run({ id: taskId })
            }}
          >
            Stop
          </button>
        ) : null}
        {canRetry && taskId !== null ? (
          <button
            type="button"
            className="quiet"
            disabled={again.isSending}
            onClick={() => {
              void again.run({ id: taskId })
            }}
          >
            Regenerate
          </button>
        ) : null}
      </p>
      {body === '' && isWriting ? <p className="note">Reading the cards …</p> : null}
      {body === '' ? null : <Markdown text={body} isGrowing={isWriting} level={2} />}
      {status === 'FAILED' ? (
        <p className="failure">
          <Problem error={error ?? { message: 'The reply failed' }} />
        </p>
      ) : null}
      <Refusal text={stop.refusal ?? again.refusal} />
      <Sources message={message} cards={cards} />
    </li>
  )
}

/** The cards that a reply cites, each once. */
function Sources(props: {
  readonly message: SessionMessage
  readonly cards: readonly SessionCard[]
}): ReactElement | null {
  const titles = new Map(props.message.citations.map(({ cardId, cardTitle }) => [cardId, cardTitle]))
  if (titles.size === 0) return null
  return (
    <p className="sources note">
      From{' '}
      {[...titles].map(([cardId, title]) => {
        const documentId = props.cards.find(({ id }) => id === cardId)?.documentId ?? null
        return documentId === null ? (
          <span key={cardId}>{title}</span>
        ) : (
          <Link key={cardId} to={{ documentId }}>
            {title}
          </Link>
        )
      })}
    </p>
  )
}

const states = {
  sending: 'Sending …',
  sent: 'Sent',
  waiting: 'Waiting for the connection',
  refused: 'Not sent',
} as const

/** A message of this page that the session does not contain yet. */
export function UnsentView(props: {
  readonly message: UnsentMessage
  readonly onDiscard: () => void
  readonly onSendAgain: () => void
}): ReactElement {
  const { message, onDiscard, onSendAgain } = props
  const { status, reason, text } = message
  return (
    <li className="message" data-own="true" data-unsent={status}>
      <p className="message-head">
        <strong>You</strong>
        <span className={status === 'refused' ? 'failure' : 'note'} role={status === 'refused' ? 'alert' : undefined}>
          {states[status]}
          {status === 'refused' && reason !== null ? `: ${reason}` : ''}
        </span>
        {status === 'refused' ? (
          <button type="button" className="quiet" onClick={onSendAgain}>
            Send again
          </button>
        ) : null}
        {status === 'refused' || status === 'waiting' ? (
          <button type="button" className="quiet danger" onClick={onDiscard}>
            {status === 'refused' ? 'Discard' : 'Undo'}
          </button>
        ) : null}
      </p>
      <p className="message-body">{text}</p>
    </li>
  )
}
