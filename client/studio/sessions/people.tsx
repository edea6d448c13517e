import { type FormEvent, type ReactElement, useState } from 'react'
import { InviteToSessionDocument, RemoveParticipantDocument } from '../../gql/graphql.ts'
import type { SessionState } from '../../reduce/session-state.ts'
import { ActionButton } from '../action-button.tsx'
import { Refusal } from '../refusal.tsx'
import { repeatable, useChange } from '../use-change.ts'

/** The participants and their presence, with the owner's actions. */
export function People(props: { readonly session: SessionState; readonly me: string | null }): ReactElement {
  const { session, me } = props
  const { participants, present, owner, closedAt, id } = session
  const mayChange = owner === me && closedAt === null
  return (
    <section aria-labelledby="people">
      <h2 id="people">
        People <span className="note">{present.length} here</span>
      </h2>
      <ul className="people">
        {participants.map(({ userId, isOwner }) => {
          const isHere = present.includes(userId)
          return (
            <li key={userId} data-here={isHere}>
              <span className="face" aria-hidden="true">
                {userId.slice(0, 1).toUpperCase()}
              </span>
              <span className="person">
                {userId === me ? 'You' : userId}
                {isOwner ? <span className="note"> owner</span> : null}
              </span>
              <span className="note">{isHere ? 'here' : 'away'}</span>
              {mayChange && !isOwner ? <RemovePerson sessionId={id} userId={userId} /> : null}
            </li>
          )
        })}
      </ul>
      {mayChange ? <Invite sessionId={id} /> : null}
    </section>
  )
}

function RemovePerson(props: { readonly sessionId: string; readonly userId: string }): ReactElement {
  const { run, isSending, refusal } = useChange(RemoveParticipantDocument, repeatable)
  return (
    <ActionButton
      name="Remove"
      label={`Remove ${props.userId}`}
      className="quiet danger"
      run={() => run(props)}
      isSending={isSending}
      refusal={refusal}
    />
  )
}

const hours = 24

function Invite({ sessionId }: { readonly sessionId: string }): ReactElement {
  const { run, isSending, refusal } = useChange(InviteToSessionDocument)
  const [userId, setUserId] = useState('')
  const [link, setLink] = useState<string | null>(null)
  const invite = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (userId.trim() === '') return
    if ((await run({ input: { sessionId, userId: userId.trim() } })) !== undefined) setUserId('')
  }
  const makeLink = async (): Promise<void> => {
    const data = await run({ input: { sessionId, lifetimeMinutes: hours * 60 } })
    const answer = data?.inviteToSession
    if (answer?.__typename === 'InviteToSessionSuccess' && answer.link !== null)
      setLink(`${window.location.origin}/?page=sessions&join=${answer.link.token}`)
  }
  return (
    <div className="invite">
      <form
        onSubmit={(event) => {
          void invite(event)
        }}
      >
        <input
          aria-label="User to invite"
          placeholder="User id"
          autoComplete="off"
          value={userId}
          onChange={({ target }) => setUserId(target.value)}
        />
        <button type="submit" disabled={isSending || userId.trim() === ''}>
          Invite
        </button>
      </form>
      <button
        type="button"
        className="quiet"
        disabled={isSending}
        onClick={() => {
          void makeLink()
        }}
      >
        Make a link
      </button>
      {link === null ? null : (
        <label className="note">
          Lets in whoever has it, for {hours} hours:
          <input readOnly value={link} onFocus={({ target }) => target.select()} />
        </label>
      )}
      <Refusal text={refusal} />
    </div>
  )
}
