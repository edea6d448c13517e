import { type FormEvent, type ReactElement, useState } from 'react'
import {
  CreateSessionDocument,
  JoinSessionDocument,
  SessionListDocument,
  type SessionListQuery,
} from '../../gql/graphql.ts'
import { createId } from '../../index.ts'
import { Link } from '../parts/link.tsx'
import { Refusal } from '../parts/refusal.tsx'
import { useRoute } from '../shell/use-route.ts'
import { useTitle } from '../shell/use-title.ts'
import { TokenForm } from '../token-form.tsx'
import { useChange } from '../use-change.ts'
import { useFetched } from '../use-fetched.ts'
import { useInvitation } from './invitation-link.ts'
import { readPosition } from './use-read-position.ts'

type Listed = SessionListQuery['sessions']['nodes'][number]

/**
 * The viewer's sessions, most recently active first, with a form for a new one. Also asks
 * about invitation links.
 */
export function SessionsPage(): ReactElement {
  useTitle('Sessions')
  const { data, isLoading, failure, isRefused, refetch } = useFetched(SessionListDocument, {})
  const invitation = useInvitation()
  if (isRefused) return <TokenForm />
  const sessions = data?.sessions.nodes.toSorted((a, b) =>
    b.statistics.lastActivityAt.localeCompare(a.statistics.lastActivityAt),
  )
  return (
    <div className="home">
      <div className="hero">
        <h1>Sessions</h1>
        <p>Discuss documents together. Replies quote the cards of the session.</p>
      </div>
      {invitation === null ? null : <Joining token={invitation} />}
      <Creating />
      <Refusal text={data === undefined ? failure : null} onAgain={refetch} />
      <section aria-labelledby="sessions">
        <h2 id="sessions">Your sessions</h2>
        {sessions === undefined ? <p className="note">{isLoading ? 'Loading …' : ''}</p> : null}
        {sessions?.length === 0 ? <p className="note">No sessions yet. Create one above.</p> : null}
        <ul className="cards">
          {sessions?.map((session) => (
            <SessionCard key={session.id} session={session} />
          ))}
        </ul>
      </section>
    </div>
  )
}

function SessionCard({ session }: { readonly session: Listed }): ReactElement {
  const { id, title, closedAt, present, statistics, participants } = session
  const fresh = statistics.messageCount - (readPosition(id) ?? 0)
  const people = participants.length === 1 ? 'Only you' : `${participants.length} people`
  return (
    <li className="card">
      <Link to={{ sessionId: id }} className="card-title">
        {title}
      </Link>
      <p className="note">
        {people}
        {present.length > 0 ? `, ${present.length} here now` : ''}, {statistics.messageCount} messages
        {closedAt === null ? '' : ', closed'}
      </p>
      {fresh > 0 ? <p className="fresh">{fresh} new</p> : null}
    </li>
  )
}

function Creating(): ReactElement {
  const { run, isSending, refusal } = useChange(CreateSessionDocument)
  const { go } = useRoute()
  const [title, setTitle] = useState('')
  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (title.trim() === '') return
    const data = await run({ input: { clientId: createId(), title: title.trim() } })
    if (data?.createSession.__typename === 'CreateSessionSuccess') go({ sessionId: data.createSession.session.id })
  }
  return (
    <form
      className="begin-session"
      onSubmit={(event) => {
        void create(event)
      }}
    >
      <label>
        What is it about?
        <input value={title} maxLength={200} onChange={({ target }) => setTitle(target.value)} />
      </label>
      <button type="submit" className="primary" disabled={isSending || title.trim() === ''}>
        Begin a session
      </button>
      <Refusal text={refusal} />
    </form>
  )
}

/**
 * Asks whether to join a session through the invitation link in the address.
 * Opening a link alone must not make the user a participant: any page can open it.
 */
function Joining({ token }: { readonly token: string }): ReactElement {
  const { run, isSending, refusal } = useChange(JoinSessionDocument)
  const { go } = useRoute()
  const join = async (): Promise<void> => {
    const data = await run({ token })
    // Replaces the address, so that the token stays in no history.
    if (data?.joinSession.__typename === 'JoinSessionSuccess') go({ sessionId: data.joinSession.session.id }, true)
  }
  const decline = (): void => {
    go({ page: 'sessions' }, true)
    window.dispatchEvent(new Event('hashchange'))
  }
  return (
    <section className="joining" aria-labelledby="joining">
      <h2 id="joining">Join a session?</h2>
      <p>You opened an invitation. Its participants will see your user id, and when you are here.</p>
      <p className="confirm-buttons">
        <button type="button" disabled={isSending} onClick={decline}>
          Decline
        </button>
        <button
          type="button"
          className="primary"
          disabled={isSending}
          onClick={() => {
            void join()
          }}
        >
          Join
        </button>
      </p>
      <Refusal text={refusal} />
    </section>
  )
}
