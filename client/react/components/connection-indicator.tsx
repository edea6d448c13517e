import type { ReactElement } from 'react'
import { useWords } from '../provider.ts'
import { useConnection } from '../use-connection.ts'
import { useNow } from '../use-now.ts'

/**
 * Shows the state of the connection and its reason. Screen readers announce a new status, but not
 * details that change every second.
 *
 * @param props.isBrief - renders only the title, as plain text that fits into a button, with the
 * details as its tooltip.
 * @default false
 * @example
 * <ConnectionIndicator isBrief />
 */
export function ConnectionIndicator({ isBrief = false }: { readonly isBrief?: boolean }): ReactElement {
  const connection = useConnection()
  const { status, transport, reconnect } = connection
  const now = useNow(true)
  const words = useWords()
  const { title, details } = words.connection(connection, now)
  const canTry = status === 'reconnecting' || status === 'closed'
  const dot = <span className="tidings-connection-dot" aria-hidden="true" />
  const attributes = { className: 'tidings-connection', 'data-status': status, 'data-transport': transport ?? 'none' }
  if (isBrief)
    return (
      <span {...attributes} title={details.join(' ')}>
        {dot}
        <span className="tidings-connection-title">{title}</span>
      </span>
    )
  return (
    <div {...attributes}>
      {dot}
      <span className="tidings-connection-title" role="status">
        {title}
      </span>
      <span className="tidings-connection-details">{details.join(' ')}</span>
      {canTry ? (
        <button type="button" className="tidings-connection-retry" onClick={reconnect}>
          {words.tryNow}
        </button>
      ) : null}
    </div>
  )
}
