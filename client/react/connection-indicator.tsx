import type { ReactElement } from 'react'
import { useConnection } from './use-connection.ts'
import { useNow } from './use-now.ts'
import { describeConnection } from './words.ts'

/**
 * Says how the page stands to the server, and why. What changes every second is for eyes only; screen readers are told when
 * the status changes.
 *
 * @param props.isBrief - the title alone; the rest is told by pointing at it
 */
export function ConnectionIndicator({ isBrief = false }: { readonly isBrief?: boolean }): ReactElement {
  const connection = useConnection()
  const { status, transport, reconnect } = connection
  const now = useNow(true)
  const { title, details } = describeConnection(connection, now)
  const canTry = status === 'reconnecting' || status === 'closed'
  return (
    <div
      className="tidings-connection"
      data-status={status}
      data-transport={transport ?? 'none'}
      title={details.join(' ')}
    >
      <span className="tidings-connection-dot" aria-hidden="true" />
      <span className="tidings-connection-title" role="status">
        {title}
      </span>
      {isBrief ? null : <span className="tidings-connection-details">{details.join(' ')}</span>}
      {canTry ? (
        <button type="button" className="tidings-connection-retry" onClick={reconnect}>
          Try now
        </button>
      ) : null}
    </div>
  )
}
