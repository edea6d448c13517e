import { type ReactElement, useEffect, useId, useState } from 'react'
import { useQuery } from 'urql'
import { type AuditEvent, AuditLogDocument, type AuditLogQuery } from '../../gql/graphql.ts'
import { describeError } from '../../react/index.ts'
import { formatSecond } from '../parts/dates.ts'
import { Refusal } from '../parts/refusal.tsx'
import { describeAgent, describeSubject, eventNames } from './labels.ts'

const pageSize = 25
const largestPage = 100
const events = Object.keys(eventNames) as AuditEvent[]

/**
 * The audit log, newest first, filtered by event and by user.
 * @param props.auditedAt - when the log was last written; the list is fetched again when it changes
 */
export function AuditList({ auditedAt }: { readonly auditedAt: string | null }): ReactElement {
  const [event, setEvent] = useState<AuditEvent | ''>('')
  const [user, setUser] = useState('')
  const [first, setFirst] = useState(pageSize)
  const ids = { event: useId(), user: useId() }
  const [{ data, error }, execute] = useQuery({
    query: AuditLogDocument,
    variables: { first, event: event === '' ? null : event, userId: user.trim() === '' ? null : user.trim() },
    requestPolicy: 'cache-and-network',
  })
  useEffect(() => {
    if (auditedAt !== null) execute({ requestPolicy: 'network-only' })
  }, [auditedAt, execute])
  const log = data?.auditLog
  return (
    <section aria-label="Audit log">
      <h2>Audit log</h2>
      <form className="admin-filters" onSubmit={(event) => event.preventDefault()}>
        <label htmlFor={ids.event}>Event</label>
        <select
          id={ids.event}
          value={event}
          onChange={({ target }) => setEvent(events.find((auditEvent) => auditEvent === target.value) ?? '')}
        >
          <option value="">All events</option>
          {events.map((auditEvent) => (
            <option key={auditEvent} value={auditEvent}>
              {eventNames[auditEvent]}
            </option>
          ))}
        </select>
        <label htmlFor={ids.user}>User</label>
        <input
          id={ids.user}
          value={user}
          placeholder="Any user"
          spellCheck={false}
          autoComplete="off"
          onChange={({ target }) => setUser(target.value)}
        />
      </form>
      <Refusal text={describeError(error)} />
      {log === undefined ? null : <Entries entries={log.nodes} />}
      {log?.pageInfo.hasNextPage === true && first < largestPage ? (
        <button type="button" className="quiet" onClick={() => setFirst(Math.min(largestPage, first + pageSize))}>
          Show older entries
        </button>
      ) : null}
    </section>
  )
}

function Entries({ entries }: { readonly entries: AuditLogQuery['auditLog']['nodes'] }): ReactElement {
  if (entries.length === 0) return <p className="note">No entries.</p>
  return (
    <table className="admin-table admin-audit">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Event</th>
          <th scope="col">User</th>
          <th scope="col">Address</th>
          <th scope="col">Details</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(({ id, event, at, until, count, userId, address, userAgent, subject, reason, detail }) => (
          <tr key={id}>
            <td>
              <time dateTime={until}>{formatSecond(until)}</time>
              {count > 1 ? (
                <span className="note" title={`Since ${formatSecond(at)}`}>
                  {' '}
                  {count.toLocaleString()} times
                </span>
              ) : null}
            </td>
            <td>
              <span className="admin-tag" data-kind={event}>
                {eventNames[event]}
              </span>
            </td>
            <td>{userId ?? <span className="note">Unknown</span>}</td>
            <td title={userAgent ?? undefined}>
              {address ?? ''} <span className="note">{userAgent === null ? '' : describeAgent(userAgent)}</span>
            </td>
            <td className="admin-about">
              {[reason, subject === null ? null : describeSubject(subject ?? '')].filter(Boolean).join(', ')}{' '}
              <span className="note">{detail}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
