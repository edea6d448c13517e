import type { ReactElement } from 'react'
import { readMessage } from '../../apps/sessions/unsent.ts'
import type { OutboxEntry } from '../../index.ts'
import { describeName, useOutbox } from '../../react/index.ts'
import { useRoute } from './use-route.ts'

/**
 * Mutations that wait to be sent, and those that were refused after waiting. Renders nothing when
 * there are none.
 */
export function Outbox(): ReactElement | null {
  const outbox = useOutbox()
  const { route } = useRoute()
  // A session page shows its own waiting messages in place.
  const isShown = (entry: OutboxEntry): boolean => {
    const message = readMessage(entry)
    return message === null || message.sessionId !== route.sessionId
  }
  const pending = outbox.pending.filter(isShown)
  const refused = outbox.refused.filter(isShown)
  const { dismiss } = outbox
  if (pending.length === 0 && refused.length === 0) return null
  return (
    <section className="outbox" aria-label="Waiting to be sent">
      <div role="status">
        <ul>
          {pending.map(({ id, field, status }) => (
            <li key={id} data-status={status}>
              <span>
                <strong>{describeField(field)}</strong>{' '}
                {status === 'sending' ? 'is being sent.' : 'is sent when the connection is back.'}
              </span>
              {status === 'waiting' ? (
                <button type="button" className="quiet" onClick={() => dismiss(id)}>
                  Take back
                </button>
              ) : null}
            </li>
          ))}
          {refused.map(({ id, field, reason }) => (
            <li key={id} data-status="refused">
              <span>
                <strong>{describeField(field)}</strong> was refused: {reason}
              </span>
              <button type="button" className="quiet" onClick={() => dismiss(id)}>
                Dismiss
              </button>
            </li>
          ))}
        </ul>
      </div>
    </section>
  )
}

/** Formats a field name such as `retryContent` for display. */
function describeField(field: string): string {
  return describeName(field.replace(/[A-Z]/g, (letter) => `_${letter}`))
}
