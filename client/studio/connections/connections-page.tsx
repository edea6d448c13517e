import type { ReactElement } from 'react'
import {
  type ConnectedClientFieldsFragment,
  ConnectionStatsUpdatesDocument,
  type ConnectionStatsUpdatesSubscription,
} from '../../gql/graphql.ts'
import { describeError, useLive, useNow } from '../../react/index.ts'
import { describeBytes } from '../parts/describe-bytes.ts'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { hasErrorCode } from '../use-fetched.ts'
import { AuditList } from './audit-list.tsx'
import { describeAge, describeAgent, transportNames } from './labels.ts'

type Stats = ConnectionStatsUpdatesSubscription['connectionStatsUpdates']
/** Each event contains the complete statistics. */
const reduceStats = (_: Stats | undefined, data: ConnectionStatsUpdatesSubscription): Stats =>
  data.connectionStatsUpdates

/** The administrators' page: live connections per server, and the audit log. Read-only. */
export function ConnectionsPage(): ReactElement {
  useTitle('Connections')
  const { state: stats, error } = useLive(ConnectionStatsUpdatesDocument, {}, reduceStats)
  if (hasErrorCode(error, 'UNAUTHENTICATED')) return <TokenForm />
  if (error !== null)
    return (
      <p className="page-note" role="alert">
        {describeError(error)}
      </p>
    )
  return (
    <div className="admin">
      <div>
        <h1>Connections</h1>
        <p className="note">Live, across all servers. A server that was killed disappears after ten seconds.</p>
      </div>
      {stats === undefined ? <p className="note">Loading …</p> : <Overview stats={stats} />}
      <AuditList auditedAt={stats?.auditedAt ?? null} />
    </div>
  )
}

function Overview({ stats }: { readonly stats: Stats }): ReactElement {
  return (
    <>
      <dl className="admin-figures">
        <Figure name="Connections" value={stats.connections} isMain />
        {stats.byTransport.map(({ transport, connections }) => (
          <Figure key={transport} name={transportNames[transport]} value={connections} />
        ))}
        <Figure name="Subscriptions" value={stats.subscriptions} />
        <Figure name="Topics" value={stats.topics} />
      </dl>
      <Clients
        title="Connections"
        clients={stats.oldest}
        note={stats.connections > stats.oldest.length ? `The oldest ${stats.oldest.length} of them.` : null}
      />
      {stats.slowest.length === 0 ? null : (
        <Clients title="Slow subscribers" clients={stats.slowest} note="Clients that do not drain their connection." />
      )}
      <div className="admin-lists">
        <Counts
          title="By field"
          counts={stats.byField.map(({ name, subscriptions }) => ({ name, count: subscriptions }))}
        />
        <Counts
          title="By topic"
          counts={stats.byTopic.map(({ name, subscriptions }) => ({ name, count: subscriptions }))}
        />
        <Counts
          title="By user"
          counts={stats.byViewer.map(({ userId, connections }) => ({
            name: userId ?? 'Anonymous',
            count: connections,
          }))}
        />
        <Counts
          title="By server"
          counts={stats.servers.map(({ name, connections }) => ({ name, count: connections }))}
        />
      </div>
    </>
  )
}

function Figure(props: { readonly name: string; readonly value: number; readonly isMain?: boolean }): ReactElement {
  const { name, value, isMain = false } = props
  return (
    <div className="admin-figure" data-main={isMain}>
      <dt>{name}</dt>
      <dd>{value.toLocaleString()}</dd>
    </div>
  )
}

function Clients(props: {
  readonly title: string
  readonly clients: readonly ConnectedClientFieldsFragment[]
  readonly note: string | null
}): ReactElement {
  const { title, clients, note } = props
  const now = useNow(true)
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {note === null ? null : <p className="note">{note}</p>}
      {clients.length === 0 ? (
        <p className="note">No connections.</p>
      ) : (
        <table className="admin-table">
          <thead>
            <tr>
              <th scope="col">User</th>
              <th scope="col">Transport</th>
              <th scope="col">Address</th>
              <th scope="col">Server</th>
              <th scope="col" className="number">
                Connected for
              </th>
              <th scope="col" className="number">
                Subscriptions
              </th>
              <th scope="col" className="number">
                Unsent
              </th>
            </tr>
          </thead>
          <tbody>
            {clients.map(
              ({ id, userId, transport, address, userAgent, server, openedAt, subscriptions, unreadBytes }) => (
                <tr key={id}>
                  <th scope="row">{userId ?? <span className="note">Anonymous</span>}</th>
                  <td>
                    <span className="admin-tag" data-kind={transport}>
                      {transportNames[transport]}
                    </span>
                  </td>
                  <td title={userAgent ?? undefined}>
                    {address} <span className="note">{describeAgent(userAgent)}</span>
                  </td>
                  <td className="note">{server}</td>
                  <td className="number" data-label="Connected for">
                    {describeAge(now - Date.parse(openedAt))}
                  </td>
                  <td className="number" data-label="Subscriptions">
                    {subscriptions ?? '–'}
                  </td>
                  <td className="number" data-label="Unsent" data-bad={unreadBytes > 0}>
                    {describeBytes(unreadBytes)}
                  </td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      )}
    </section>
  )
}

function Counts(props: {
  readonly title: string
  readonly counts: readonly { readonly name: string; readonly count: number }[]
}): ReactElement {
  const { title, counts } = props
  const maxCount = Math.max(1, ...counts.map(({ count }) => count))
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {counts.length === 0 ? <p className="note">None.</p> : null}
      <ul className="admin-counts">
        {counts.map(({ name, count }) => (
          <li key={name}>
            <span className="admin-count-name" title={name}>
              {name}
            </span>
            <span className="number">{count.toLocaleString()}</span>
            <span className="admin-bar" style={{ inlineSize: `${(100 * count) / maxCount}%` }} />
          </li>
        ))}
      </ul>
    </section>
  )
}
