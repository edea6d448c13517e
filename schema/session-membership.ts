import { isTidingsError } from '../src/errors.ts'
import { requirePart, requireSession, sessionLimit } from './access.ts'
import { builder, refuseLimited, requireLimitedViewer, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { type SessionSource, sessionRef } from './refs.ts'
import { defineResult } from './result.ts'
import { clientIdDescription, defineSessionResult, type SessionOutcome } from './session-change.ts'

/** Whoever is invited finds it in the inbox; once, however often it is said. */
async function tellInvited({ notifications }: Context, { session }: SessionSource, userId: string): Promise<void> {
  const { id, owner, title } = session
  await notifications.notify(userId, {
    level: 'INFORMATION',
    title: `${owner.slice(0, 60)} has invited you to “${title.slice(0, 100)}”`,
    aboutId: id,
    key: `invited to ${id}`,
  })
}

const createSessionResult = defineSessionResult('CreateSession', 'The session has begun.')
const joinSessionResult = defineSessionResult('JoinSession', 'The viewer takes part in the session.')
const closeSessionResult = defineSessionResult('CloseSession', 'The session is closed.')
const removeParticipantResult = defineSessionResult('RemoveParticipant', 'The user takes no part in it any more.')

interface InvitationOutcome extends SessionOutcome {
  readonly link: { readonly token: string; readonly expiresAt: Date } | null
}
const sessionLink = builder.objectRef<NonNullable<InvitationOutcome['link']>>('SessionLink').implement({
  description: 'A way in for whoever has the token.',
  fields: (t) => ({
    token: t.exposeString('token', { description: 'For `joinSession`. It is told only now.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'It is of no use after this.',
      resolve: (link) => link.expiresAt,
    }),
  }),
})
const inviteToSessionSuccess = builder.objectRef<InvitationOutcome>('InviteToSessionSuccess').implement({
  description: 'The user takes part, or there is a link.',
  fields: (t) => ({
    session: t.field({ type: sessionRef, description: 'The session.', resolve: ({ session }) => session }),
    link: t.field({
      type: sessionLink,
      nullable: true,
      description: 'The link; null when a user was named.',
      resolve: ({ link }) => link,
    }),
  }),
})
const inviteToSessionResult = defineResult(inviteToSessionSuccess, [
  'NotFoundError',
  'ConflictError',
  'InvalidInputError',
])

const leaveSessionSuccess = builder.objectRef<{ readonly id: string }>('LeaveSessionSuccess').implement({
  description: 'The viewer takes no part in it any more.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'The session that was left.' }) }),
})
const leaveSessionResult = defineResult(leaveSessionSuccess, ['ConflictError'])

const createSessionInput = builder.inputType('CreateSessionInput', {
  description: 'A new session.',
  fields: (t) => ({
    clientId: t.string({ required: true, description: clientIdDescription }),
    title: t.string({ required: true, description: 'What it is called: 1 to 200 characters.' }),
  }),
})
const inviteToSessionInput = builder.inputType('InviteToSessionInput', {
  description: 'Whom to invite: a user, or whoever has a link.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session of the viewer’s own.' }),
    userId: t.id({ description: 'The user, as named by the `sub` of that user’s token. Without it a link is made.' }),
    lifetimeMinutes: t.int({
      defaultValue: 1_440,
      description: 'How long the link lets people in; up to 43,200, 30 days.',
    }),
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
    description: 'Begins a session, with the viewer as its owner and only participant.',
    args: { input: t.arg({ type: createSessionInput, required: true, description: 'What it is.' }) },
    resolve: (_, { input }, context) =>
      createSessionResult.run(context, '', async () => {
        const { userId } = requireViewer(context)
        const session = await context.sessions.membership.create({ owner: userId, ...input })
        return { session: { session } }
      }),
  }),
  inviteToSession: t.field({
    type: inviteToSessionResult.type,
    description:
      'Takes a user into a session, who finds a notification of it, or makes a link by which others can come in. Only its owner may.',
    args: { input: t.arg({ type: inviteToSessionInput, required: true, description: 'Whom, and into what.' }) },
    resolve: (_, { input: { sessionId, userId, lifetimeMinutes } }, context) =>
      inviteToSessionResult.run(context, sessionId, async () => {
        // Whom it lets in stays when the token is long expired.
        requireViewer(context)
        const owner = await requirePart(context, sessionId)
        const { membership } = context.sessions
        const isNamed = userId !== null && userId !== undefined
        if (isNamed) await membership.invite(sessionId, owner, userId)
        const link = isNamed ? null : await membership.makeLink(sessionId, owner, lifetimeMinutes ?? 1_440)
        const session = await requireSession(context, sessionId)
        if (isNamed && userId !== owner) await tellInvited(context, session, userId)
        return { session, link }
      }),
  }),
  joinSession: t.field({
    type: joinSessionResult.type,
    description: 'Takes part in a session by a link. Doing so again changes nothing.',
    args: { input: t.arg({ type: joinSessionInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { token } }, context) =>
      joinSessionResult.run(context, token, async () => {
        const { userId } = requireViewer(context)
        const id = await context.sessions.membership.join(token, userId)
        return { session: await requireSession(context, id) }
      }),
  }),
  leaveSession: t.field({
    type: leaveSessionResult.type,
    description:
      'Takes no part in a session any more. Its owner cannot leave it, only close it. Leaving again changes nothing.',
    args: { input: t.arg({ type: leaveSessionInput, required: true, description: 'The arguments.' }) },
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
    description: 'Puts a user out of a session: what that user watches of it ends at once. Only its owner may.',
    args: { input: t.arg({ type: removeParticipantInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { sessionId, userId } }, context) =>
      removeParticipantResult.run(context, sessionId, async () => {
        await context.sessions.membership.remove(sessionId, await requirePart(context, sessionId), userId)
        return { session: await requireSession(context, sessionId) }
      }),
  }),
  closeSession: t.field({
    type: closeSessionResult.type,
    description:
      'Ends a session: replies under way are stopped, and from then on it can only be read. Only its owner may. Closing again changes nothing.',
    args: { input: t.arg({ type: closeSessionInput, required: true, description: 'The arguments.' }) },
    resolve: (_, { input: { sessionId: id } }, context) =>
      closeSessionResult.run(context, id, async () => {
        await context.sessions.membership.close(id, await requirePart(context, id))
        return { session: await requireSession(context, id) }
      }),
  }),
}))
