import { type FormEvent, type ReactElement, useEffect, useRef, useState } from 'react'
import type { SessionState } from '../../apps/sessions/session-state.ts'
import {
  InviteToSessionDocument,
  RemoveParticipantDocument,
  RevokeSessionInvitationDocument,
  SessionInvitationsDocument,
  type SessionInvitationsQuery,
} from '../../gql/graphql.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatMinute } from '../parts/dates.ts'
import { Refusal } from '../parts/refusal.tsx'
import { repeatable, useChange } from '../use-change.ts'
import { useFetched } from '../use-fetched.ts'
import { invitationLink } from './invitation-link.ts'

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
      {mayChange ? <Invite session={session} /> : null}
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

function Invite({ session }: { readonly session: SessionState }): ReactElement {
  const { id: sessionId, participants } = session
  const { run, isSending, refusal } = useChange(InviteToSessionDocument)
  const { data, refetch } = useFetched(SessionInvitationsDocument, { sessionId })
  // A user that joins may have used a link.
  const fetchedFor = useRef(participants)
  useEffect(() => {
    if (fetchedFor.current === participants) return
    fetchedFor.current = participants
    refetch()
  }, [participants, refetch])
  const [userId, setUserId] = useState('')
  const [isSingleUse, setIsSingleUse] = useState(false)
  const [link, setLink] = useState<string | null>(null)
  const invite = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (userId.trim() === '') return
    if ((await run({ input: { sessionId, userId: userId.trim() } })) !== undefined) setUserId('')
  }
  const createLink = async (): Promise<void> => {
    const mutationData = await run({ input: { sessionId, lifetimeMinutes: hours * 60, isSingleUse } })
    const result = mutationData?.inviteToSession
    if (result?.__typename !== 'InviteToSessionSuccess' || result.link === null) return
    setLink(invitationLink(window.location.origin, result.link.token))
    refetch()
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
          void createLink()
        }}
      >
        Create link
      </button>
      <label className="note single-use">
        <input type="checkbox" checked={isSingleUse} onChange={({ target }) => setIsSingleUse(target.checked)} /> For
        one person only
      </label>
      {link === null ? null : (
        <label className="note">
          {isSingleUse ? 'Admits the first person who uses it' : 'Admits everyone who has it'}, for {hours} hours. It is
          shown only once:
          <input readOnly value={link} onFocus={({ target }) => target.select()} />
        </label>
      )}
      <Refusal text={refusal} />
      <Invitations invitations={data?.sessionInvitations ?? []} onRevoked={refetch} />
    </div>
  )
}

type Invitation = SessionInvitationsQuery['sessionInvitations'][number]

function Invitations(props: {
  readonly invitations: readonly Invitation[]
  readonly onRevoked: () => void
}): ReactElement | null {
  const { invitations, onRevoked } = props
  if (invitations.length === 0) return null
  return (
    <section aria-labelledby="invitations">
      <h3 id="invitations">Links</h3>
      <ul className="invitations">
        {invitations.map((invitation) => (
          <InvitationRow key={invitation.id} invitation={invitation} onRevoked={onRevoked} />
        ))}
      </ul>
    </section>
  )
}

function InvitationRow(props: { readonly invitation: Invitation; readonly onRevoked: () => void }): ReactElement {
  const { id, isSingleUse, useCount, createdAt, expiresAt } = props.invitation
  const { run, isSending, refusal } = useChange(RevokeSessionInvitationDocument, repeatable)
  const uses = useCount === 0 ? 'not used' : `used ${useCount === 1 ? 'once' : `${useCount} times`}`
  return (
    <li className="note">
      Created {formatMinute(createdAt)}, {isSingleUse ? 'for one person, ' : ''}
      {uses}, expires {formatMinute(expiresAt)}
      <ActionButton
        name="Revoke"
        label={`Revoke the link created ${formatMinute(createdAt)}`}
        className="quiet danger"
        run={async () => {
          if ((await run({ id })) !== undefined) props.onRevoked()
        }}
        isSending={isSending}
        refusal={refusal}
      />
    </li>
  )
}
