import { isTidingsError } from '../src/errors.ts'
import type { CardContent } from '../src/studio/sessions/cards.ts'
import { badInput } from '../src/studio/sessions/messages.ts'
import type { Card, Message } from '../src/studio/sessions/session.ts'
import type { Task } from '../src/tasks/task.ts'
import { findReadableDocument, findSession, maySeeSession, sessionLimit } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { type SessionSource, sessionRef, taskRef, taskSource } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'
import { cardRef, messageRef } from './session.ts'

const clientIdDescription =
  'An id of the caller’s own making, new for each. Sent again with the same, nothing happens twice.'

/** A session that the viewer takes part in. @throws TidingsError `NOT_FOUND` */
async function requireSession(context: Context, id: string): Promise<SessionSource> {
  const session = (await findSession(context, id)) ?? refuseAsMissing('session', id)
  return { session }
}
/** The same, without reading it. @throws TidingsError `NOT_FOUND` */
async function requirePart(context: Context, id: string): Promise<string> {
  if (!(await maySeeSession(context, id))) refuseAsMissing('session', id)
  return requireViewer(context).userId
}

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

interface SessionOutcome {
  readonly session: SessionSource
}
/** A result whose success is the session; `name` in capitals at its beginning, as the mutation is called. */
const defineSessionResult = (name: string, description: string) =>
  defineResult(
    builder.objectRef<SessionOutcome>(`${name}Success`).implement({
      description,
      fields: (t) => ({
        session: t.field({
          type: sessionRef,
          description: 'The session as it is now.',
          resolve: ({ session }) => session,
        }),
      }),
    }),
    anyFailure,
  )
const createSessionResult = defineSessionResult('CreateSession', 'The session has begun.')
const joinSessionResult = defineSessionResult('JoinSession', 'The viewer takes part in the session.')
const closeSessionResult = defineSessionResult('CloseSession', 'The session is closed.')
const removeParticipantResult = defineSessionResult('RemoveParticipant', 'The user takes no part in it any more.')
const removeContextCardResult = defineSessionResult('RemoveContextCard', 'The card is gone.')

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

interface MessageOutcome {
  readonly message: Message
  readonly reply: Message | null
  readonly task: Task | null
}
const sendMessageSuccess = builder.objectRef<MessageOutcome>('SendMessageSuccess').implement({
  description: 'The message is stored, and told to all.',
  fields: (t) => ({
    message: t.field({ type: messageRef, description: 'The message.', resolve: ({ message }) => message }),
    reply: t.field({
      type: messageRef,
      nullable: true,
      description: 'The reply to it as it is now: WRITING, at first. null when none was wanted.',
      resolve: ({ reply }) => reply,
    }),
    task: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that writes the reply; null without one, and when the message was stored before.',
      resolve: ({ task }) => taskSource(task),
    }),
  }),
})
const sendMessageResult = defineResult(sendMessageSuccess, anyFailure)

const addContextCardSuccess = builder.objectRef<{ readonly card: Card }>('AddContextCardSuccess').implement({
  description: 'The card lies beside the conversation.',
  fields: (t) => ({ card: t.field({ type: cardRef, description: 'The card.', resolve: ({ card }) => card }) }),
})
const addContextCardResult = defineResult(addContextCardSuccess, [
  'NotFoundError',
  'ConflictError',
  'InvalidInputError',
])

const setTypingSuccess = builder.objectRef<{ readonly isTyping: boolean }>('SetTypingSuccess').implement({
  description: 'The others are told.',
  fields: (t) => ({
    isTyping: t.exposeBoolean('isTyping', { description: 'What was said. True runs out after 6 seconds.' }),
  }),
})
const setTypingResult = defineResult(setTypingSuccess, ['NotFoundError'])
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
const sendMessageInput = builder.inputType('SendMessageInput', {
  description: 'Something to say.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    text: t.string({ required: true, description: 'Plain text: 1 to 10,000 characters.' }),
    wantsReply: t.boolean({
      defaultValue: true,
      description: 'Whether it is to be answered from the cards. The reply is a task.',
    }),
  }),
})
const addContextCardInput = builder.inputType('AddContextCardInput', {
  description: 'What to lay beside the conversation: exactly one of a document, a section of it, a quiz, a note.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    documentId: t.id({ description: 'A document that the viewer may read, and lets all participants read of.' }),
    sectionKey: t.string({ description: 'Only this section of it.' }),
    quizId: t.id({ description: 'A quiz of the viewer’s own.' }),
    note: t.string({ description: 'A text of the viewer’s own: up to 20,000 characters.' }),
    title: t.string({ description: 'What the card is called; by default the title of what it shows.' }),
  }),
})
type CardInput = typeof addContextCardInput.$inferInput

/** What a card is to show, if the viewer may show it. @throws TidingsError `NOT_FOUND`, `BAD_INPUT` */
async function readCardContent(context: Context, input: CardInput): Promise<CardContent> {
  const { documentId, sectionKey, quizId, note } = input
  const given = [documentId, quizId, note].filter((one) => one !== null && one !== undefined)
  if (given.length !== 1) throw badInput('input', 'A card shows exactly one of `documentId`, `quizId` and `note`')
  if (documentId !== null && documentId !== undefined) {
    const document = (await findReadableDocument(context, documentId)) ?? refuseAsMissing('document', documentId)
    const title = input.title ?? document.title
    if (sectionKey === null || sectionKey === undefined) return { kind: 'DOCUMENT', documentId, title }
    const section = await context.loaders.section.load({ documentId, sectionKey })
    if (section === null) return refuseAsMissing('section', sectionKey)
    const heading = section.heading === '' ? document.title : `${document.title}: ${section.heading}`
    return { kind: 'SECTION', documentId, sectionKey, title: input.title ?? heading }
  }
  if (quizId !== null && quizId !== undefined) {
    const quiz = await context.loaders.quiz.load(quizId)
    // Only its owner may show a quiz: replies tell of its answers.
    if (quiz?.owner !== requireViewer(context).userId) return refuseAsMissing('quiz', quizId)
    return { kind: 'QUIZ', quizId, title: input.title ?? quiz.title }
  }
  const text = note ?? ''
  return { kind: 'NOTE', text, title: input.title ?? (text.trim().split('\n', 1)[0] ?? '').slice(0, 80) }
}

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
    args: { token: t.arg.string({ required: true, description: '`SessionLink.token`.' }) },
    resolve: (_, { token }, context) =>
      joinSessionResult.run(context, token, async () => {
        const viewer = requireViewer(context)
        const { userId } = viewer
        if (sessionLimit(viewer) !== null)
          throw badInput('token', 'This token is limited to some sessions, and can join no other')
        const id = await context.sessions.membership.join(token, userId)
        return { session: await requireSession(context, id) }
      }),
  }),
  sendMessage: t.field({
    type: sendMessageResult.type,
    description:
      'Says something. All participants are told of it before a reply is worked on. However often it is sent with one `clientId`, it is stored once.',
    args: { input: t.arg({ type: sendMessageInput, required: true, description: 'What, and where.' }) },
    resolve: (_, { input }, context) =>
      sendMessageResult.run(context, input.sessionId, async () => {
        const { sessionId, clientId, text, wantsReply } = input
        const author = await requirePart(context, sessionId)
        const headStartMs = context.limits.headStartMs(requireViewer(context).plan)
        return context.sessions.messages.send({
          sessionId,
          author,
          clientId,
          text,
          wantsReply: wantsReply ?? true,
          headStartMs,
        })
      }),
  }),
  addContextCard: t.field({
    type: addContextCardResult.type,
    description:
      'Lays a card beside a conversation: replies are made from cards, and all participants can read of it there.',
    args: { input: t.arg({ type: addContextCardInput, required: true, description: 'What it shows.' }) },
    resolve: (_, { input }, context) =>
      addContextCardResult.run(context, input.sessionId, async () => {
        const { sessionId, clientId } = input
        const userId = await requirePart(context, sessionId)
        const content = await readCardContent(context, input)
        return { card: await context.sessions.cards.add({ sessionId, userId, clientId, content }) }
      }),
  }),
  removeContextCard: t.field({
    type: removeContextCardResult.type,
    description: 'Takes a card away. Whoever added it may, and the owner of the session.',
    args: { id: t.arg.id({ required: true, description: 'The card.' }) },
    resolve: (_, { id }, context) =>
      removeContextCardResult.run(context, id, async () => {
        const sessionId = await context.sessions.cards.remove(id, requireViewer(context).userId)
        return { session: await requireSession(context, sessionId) }
      }),
  }),
  setTyping: t.field({
    type: setTypingResult.type,
    description:
      'Tells the others that the viewer is typing, for 6 seconds, or that no more. Say it again every few seconds while it lasts; it counts only while the viewer watches the session.',
    args: {
      sessionId: t.arg.id({ required: true, description: 'A session that the viewer takes part in.' }),
      isTyping: t.arg.boolean({ required: true, description: 'Whether.' }),
    },
    resolve: (_, { sessionId, isTyping }, context) =>
      setTypingResult.run(context, sessionId, async () => {
        const userId = await requirePart(context, sessionId)
        await context.sessions.setTyping(sessionId, userId, isTyping)
        return { isTyping }
      }),
  }),
  leaveSession: t.field({
    type: leaveSessionResult.type,
    description:
      'Takes no part in a session any more. Its owner cannot leave it, only close it. Leaving again changes nothing.',
    args: { id: t.arg.id({ required: true, description: 'The session.' }) },
    resolve: (_, { id }, context) =>
      leaveSessionResult.run(context, id, async () => {
        const { userId } = requireViewer(context)
        await context.sessions.membership.leave(id, userId).catch((error: unknown) => {
          if (!isTidingsError(error, 'NOT_FOUND')) throw error
        })
        return { id }
      }),
  }),
  removeParticipant: t.field({
    type: removeParticipantResult.type,
    description: 'Puts a user out of a session: what that user watches of it ends at once. Only its owner may.',
    args: {
      sessionId: t.arg.id({ required: true, description: 'A session of the viewer’s own.' }),
      userId: t.arg.id({ required: true, description: 'The user.' }),
    },
    resolve: (_, { sessionId, userId }, context) =>
      removeParticipantResult.run(context, sessionId, async () => {
        await context.sessions.membership.remove(sessionId, await requirePart(context, sessionId), userId)
        return { session: await requireSession(context, sessionId) }
      }),
  }),
  closeSession: t.field({
    type: closeSessionResult.type,
    description:
      'Ends a session: replies under way are stopped, and from then on it can only be read. Only its owner may. Closing again changes nothing.',
    args: { id: t.arg.id({ required: true, description: 'A session of the viewer’s own.' }) },
    resolve: (_, { id }, context) =>
      closeSessionResult.run(context, id, async () => {
        await context.sessions.membership.close(id, await requirePart(context, id))
        return { session: await requireSession(context, id) }
      }),
  }),
}))
