import type { ReactElement } from 'react'
import { useConnection } from './use-connection.ts'
import { useNow } from './use-now.ts'
import { describeConnection } from './words.ts'

/**
 * Says how the page stands to the server, and why. What changes every second is for eyes only; screen readers are told when
 * the status changes.
 *
 * @param props.isBrief - the title alone, as plain text that fits into a button; the rest is told by pointing at it
 */
export function ConnectionIndicator({ isBrief = false }: { readonly isBrief?: boolean }): ReactElement {
  const connection = useConnection()
  const { status, transport, reconnect } = connection
  const now = useNow(true)
  const { title, details } = describeConnection(connection, now)
  const canTry = status === 'reconnecting' || status === 'closed'
  const dot = <span className="tidings-connection-dot" aria-hidden="true" />
  const shown = { className: 'tidings-connection', 'data-status': status, 'data-transport': transport ?? 'none' }
  if (isBrief)
    return (
      <span {...shown} title={details.join(' ')}>
        {dot}
        <span className="tidings-connection-title">{title}</span>
      </span>
    )
  return (
    <div {...shown}>
      {dot}
      <span className="tidings-connection-title" role="status">
        {title}
      </span>
      <span className="tidings-connection-details">{details.join(' ')}</span>
      {canTry ? (
        <button type="button" className="tidings-connection-retry" onClick={reconnect}>
          Try now
        </button>
      ) : null}
    </div>
  )
}
