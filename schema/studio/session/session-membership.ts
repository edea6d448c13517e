import { isTidingsError } from '../../../src/engine.ts'
import type { CreatedLink, Invitation } from '../../../src/studio/sessions/links.ts'
import { sessionTopic } from '../../../src/studio/sessions/session.ts'
import { anyFailure, type Context, refuseLimited, requireLimitedViewer, requireViewer } from '../../index.ts'
import { builder, defineResult } from '../builder.ts'
import { type SessionSource, sessionRef } from '../refs.ts'
import { requirePart, requireSession, sessionLimit } from './session-access.ts'
import { clientIdDescription, defineSessionResult, type SessionOutcome } from './session-result.ts'

/** Notifies an invited user in the inbox; once, even when the invitation is repeated. */
async function tellInvited({ notifications }: Context, { session }: SessionSource, userId: string): Promise<void> {
  const { id, owner, title } = session
  await notifications.notify(userId, {
    level: 'INFORMATION',
    title: `${owner.slice(0, 60)} has invited you to “${title.slice(0, 100)}”`,
    aboutId: id,
    key: `invited to ${id}`,
  })
}

const createSessionResult = defineSessionResult('CreateSession', 'The session was created.', { budget: 'sessions' })
const joinSessionResult = defineSessionResult('JoinSession', 'The viewer is a participant of the session.', {
  budget: 'invitations',
})
const closeSessionResult = defineSessionResult('CloseSession', 'The session is closed.')
const revokeInvitationResult = defineSessionResult(
  'RevokeSessionInvitation',
  'The link admits no more users; those that it has admitted stay.',
)
const removeParticipantResult = defineSessionResult('RemoveParticipant', 'The user is no longer a participant.', {
  budget: 'invitations',
})

interface InvitationOutcome extends SessionOutcome {
  readonly link: CreatedLink | null
}
const invitationRef = builder.objectRef<Invitation>('SessionInvitation').implement({
  description: 'An invitation link of a session, without its token, for the owner of the session.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `invitation_`.' }),
    isSingleUse: t.exposeBoolean('isSingleUse', { description: 'Whether it admits a single user.' }),
    useCount: t.exposeInt('useCount', { description: 'The number of users that it has admitted.' }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was created.',
      resolve: (invitation) => invitation.createdAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When it expires.',
      resolve: (invitation) => invitation.expiresAt,
    }),
  }),
})
const sessionLink = builder.objectRef<CreatedLink>('SessionLink').implement({
  description: 'A new invitation link.',
  fields: (t) => ({
    token: t.exposeString('token', {
      description:
        'The token for `joinSession`. It is returned only once. Put it into the fragment of an address (`#join=…`), which browsers do not send to servers.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the link expires.',
      resolve: ({ invitation }) => invitation.expiresAt,
    }),
    invitation: t.field({
      type: invitationRef,
      description: 'The invitation, which `sessionInvitations` lists and `revokeSessionInvitation` revokes.',
      resolve: ({ invitation }) => invitation,
    }),
  }),
})
const inviteToSessionSuccess = builder.objectRef<InvitationOutcome>('InviteToSessionSuccess').implement({
  description: 'The user was added, or a link was created.',
  fields: (t) => ({
    session: t.field({ type: sessionRef, description: 'The session.', resolve: ({ session }) => session }),
    link: t.field({
      type: sessionLink,
      nullable: true,
      description: 'The link; null when a user was given.',
      resolve: ({ link }) => link,
    }),
  }),
})
const inviteToSessionResult = defineResult(inviteToSessionSuccess, anyFailure, { budget: 'invitations' })

const leaveSessionSuccess = builder.objectRef<{ readonly id: string }>('LeaveSessionSuccess').implement({
  description: 'The viewer is no longer a participant.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'The id of the session.' }) }),
})
const leaveSessionResult = defineResult(leaveSessionSuccess, ['ConflictError'])

const createSessionInput = builder.inputType('CreateSessionInput', {
  description: 'The session to create.',
  fields: (t) => ({
    clientId: t.string({ required: true, description: clientIdDescription }),
    title: t.string({ required: true, description: 'The title of the session: 1 to 200 characters.' }),
  }),
})
const inviteToSessionInput = builder.inputType('InviteToSessionInput', {
  description: 'The user to invite; a link without one.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer owns.' }),
    userId: t.id({ description: 'The user: the `sub` of that user’s token. Without it, a link is created.' }),
    lifetimeMinutes: t.int({
      defaultValue: 1_440,
      description: 'The lifetime of the link in minutes, up to 43,200 (30 days).',
    }),
    isSingleUse: t.boolean({ defaultValue: false, description: 'Whether the link admits a single user.' }),
  }),
})
const joinSessionInput = builder.inputType('JoinSessionInput', {
  description: 'The link to join by.',
  fields: (t) => ({ token: t.string({ required: true, description: '`SessionLink.token`.' }) }),
})
const leaveSessionInput = builder.inputType('LeaveSessionInput', {
  description: 'The session to leave.',
  fields: (t) => ({ sessionId: t.id({ required: true, description: 'The session.' }) }),
})
const revokeInvitationInput = builder.inputType('RevokeSessionInvitationInput', {
  description: 'The invitation to revoke.',
  fields: (t) => ({
    invitationId: t.id({ required: true, description: '`SessionInvitation.id`, of a session that the viewer owns.' }),
  }),
})
const closeSessionInput = builder.inputType('CloseSessionInput', {
  description: 'The session to close.',
  fields: (t) => ({ sessionId: t.id({ required: true, description: 'A session that the viewer owns.' }) }),
})
const removeParticipantInput = builder.inputType('RemoveParticipantInput', {
  description: 'The participant to remove.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer owns.' }),
    userId: t.id({ required: true, description: 'The user.' }),
  }),
})
builder.mutationFields((t) => ({
  createSession: t.field({
    type: createSessionResult.type,
    description: 'Creates a session with the viewer as its owner and only participant.',
    args: { input: t.arg({ type: createSessionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input }, context) =>
      createSessionResult.run(context, '', async () => {
        const { userId } = requireViewer(context)
        await context.quotas.check('sessions', userId, { key: input.clientId })
        const session = await context.sessions.membership.create({ owner: userId, ...input })
        return { session: { session } }
      }),
  }),
  inviteToSession: t.field({
    type: inviteToSessionResult.type,
    description:
      'Adds a user to a session and notifies that user, or creates an invitation link. Only the owner may invite.',
    args: { input: t.arg({ type: inviteToSessionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { sessionId, userId, lifetimeMinutes, isSingleUse } }, context) =>
      inviteToSessionResult.run(context, sessionId, async () => {
        // A scoped token is refused: the membership it would create outlives the token.
        requireViewer(context)
        const owner = await requirePart(context, sessionId)
        const { membership, links } = context.sessions
        const isNamed = userId !== null && userId !== undefined
        if (isNamed) await membership.invite(sessionId, owner, userId)
        const request = {
          sessionId,
          owner,
          lifetimeMinutes: lifetimeMinutes ?? 1_440,
          isSingleUse: isSingleUse ?? false,
        }
        const link = isNamed ? null : await links.create(request)
        const session = await requireSession(context, sessionId)
        const about = isNamed ? `with ${userId}` : `by the link ${link?.invitation.id ?? ''}`
        context.note('SHARED', { subject: sessionTopic(sessionId), detail: about })
        if (isNamed && userId !== owner) await tellInvited(context, session, userId)
        return { session, link }
      }),
  }),
  joinSession: t.field({
    type: joinSessionResult.type,
    description:
      'Joins a session by a link. Joining again has no effect. A user whom the owner has removed is not admitted.',
    args: { input: t.arg({ type: joinSessionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { token } }, context) =>
      joinSessionResult.run(context, token, async () => {
        const { userId } = requireViewer(context)
        try {
          const id = await context.sessions.links.join(token, userId)
          return { session: await requireSession(context, id) }
        } catch (error) {
          if (isTidingsError(error, 'NOT_FOUND', 'CONFLICT'))
            context.note('REFUSED', { subject: 'session', reason: 'invitation', detail: error.message })
          throw error
        }
      }),
  }),
  revokeSessionInvitation: t.field({
    type: revokeInvitationResult.type,
    description: 'Revokes an invitation link. Only the owner of its session may revoke it.',
    args: { input: t.arg({ type: revokeInvitationInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { invitationId } }, context) =>
      revokeInvitationResult.run(context, invitationId, async () => {
        const { userId } = requireViewer(context)
        const id = await context.sessions.links.revoke(invitationId, userId)
        context.note('REVOKED', { subject: sessionTopic(id), detail: `the link ${invitationId}` })
        return { session: await requireSession(context, id) }
      }),
  }),
  leaveSession: t.field({
    type: leaveSessionResult.type,
    description: 'Leaves a session. The owner cannot leave it, only close it. Leaving again has no effect.',
    args: { input: t.arg({ type: leaveSessionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { sessionId: id } }, context) =>
      leaveSessionResult.run(context, id, async () => {
        const viewer = requireLimitedViewer(context)
        if (sessionLimit(viewer)?.includes(id) === false) throw refuseLimited(viewer)
        await context.sessions.membership.leave(id, viewer.userId).catch((error: unknown) => {
          if (!isTidingsError(error, 'NOT_FOUND')) throw error
        })
        return { id }
      }),
  }),
  removeParticipant: t.field({
    type: removeParticipantResult.type,
    description:
      'Removes a user from a session; that user’s subscriptions to it end at once, and no link admits the user again, only an invitation by name. Users who do not take part can be removed until 1,000 users were removed. Only the owner may remove users.',
    args: { input: t.arg({ type: removeParticipantInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { sessionId, userId } }, context) =>
      removeParticipantResult.run(context, sessionId, async () => {
        await context.sessions.membership.remove(sessionId, await requirePart(context, sessionId), userId)
        context.note('REVOKED', { subject: sessionTopic(sessionId), detail: `from ${userId}` })
        return { session: await requireSession(context, sessionId) }
      }),
  }),
  closeSession: t.field({
    type: closeSessionResult.type,
    description:
      'Closes a session: running replies are canceled, and the session becomes read-only. Only the owner may close it. Closing it again has no effect.',
    args: { input: t.arg({ type: closeSessionInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { sessionId: id } }, context) =>
      closeSessionResult.run(context, id, async () => {
        await context.sessions.membership.close(id, await requirePart(context, id))
        return { session: await requireSession(context, id) }
      }),
  }),
}))

builder.queryField('sessionInvitations', (t) =>
  t.field({
    type: [invitationRef],
    description:
      'The invitation links of a session that are neither expired nor revoked, newest first. Only the owner may list them.',
    args: { sessionId: t.arg.id({ required: true, description: 'A session that the viewer owns.' }) },
    resolve: (_, { sessionId }, context) => context.sessions.links.list(sessionId, requireViewer(context).userId),
  }),
)
