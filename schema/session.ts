import type { Card, Message, Participant, ReplyCitation, SessionStatistics } from '../src/studio/sessions/session.ts'
import { sessionTopic } from '../src/studio/sessions/session.ts'
import { snapshotMessages, typingMark } from '../src/studio/sessions/sessions.ts'
import { findSession, sessionLimit } from './access.ts'
import { builder, requireLimitedViewer } from './builder.ts'
import { defineConnection, listArguments, mapPage, type Page, pageSize, readPage } from './connection.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { type SessionSource, sessionRef } from './refs.ts'
import { parsePosition, toMessagePage } from './session-page.ts'

const messageStatus = builder.enumType('SessionMessageStatus', {
  description: 'Where a message is. A person’s is SENT; a reply is WRITING, and then one of the others.',
  values: {
    SENT: { description: 'Said by a person.' },
    WRITING: { description: 'A reply that is waited for or being written: `body` grows with SessionReplyAdvanced.' },
    COMPLETED: { description: 'A reply, as a whole.' },
    STOPPED: { description: 'A reply that somebody stopped; `body` is what there was.' },
    FAILED: { description: 'A reply that failed; `error` says why, `body` is what there was.' },
  } as const,
})
const cardKind = builder.enumType('SessionCardKind', {
  description: 'What a card shows.',
  values: {
    DOCUMENT: { description: 'A document.' },
    SECTION: { description: 'A section of a document.' },
    QUIZ: { description: 'The questions of a quiz.' },
    NOTE: { description: 'A text of a participant’s own.' },
  } as const,
})

/** `SessionStatistics` */
export const statisticsRef = builder.objectRef<SessionStatistics>('SessionStatistics').implement({
  description: 'What can be counted of a session.',
  fields: (t) => ({
    messageCount: t.exposeInt('messageCount', { description: 'How many messages, replies included.' }),
    tokenCount: t.exposeInt('tokenCount', {
      description: 'How many tokens all messages have: an estimate, one for four characters.',
    }),
    lastActivityAt: t.field({
      type: 'DateTime',
      description: 'When something was last said or added.',
      resolve: ({ lastActivityAt }) => lastActivityAt,
    }),
  }),
})

/** `SessionParticipant` */
export const participantRef = builder.objectRef<Participant>('SessionParticipant').implement({
  description: 'Somebody who may see a session and say something in it.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user: `sub` of that user’s token.' }),
    isOwner: t.exposeBoolean('isOwner', { description: 'Whether the session is this user’s own.' }),
    joinedAt: t.field({
      type: 'DateTime',
      description: 'When the user came in.',
      resolve: ({ joinedAt }) => joinedAt,
    }),
  }),
})

const citationRef = builder.objectRef<ReplyCitation>('SessionCitation').implement({
  description: 'A passage that a reply quotes, or refers to by its number.',
  fields: (t) => ({
    cardId: t.exposeID('cardId', { description: 'The card it is from, which may be gone.' }),
    cardTitle: t.exposeString('cardTitle', { description: 'The title of that card.' }),
    sectionKey: t.exposeString('sectionKey', {
      nullable: true,
      description: '`Section.key`, where it is of a document.',
    }),
    heading: t.exposeString('heading', { description: 'The heading it stands under; empty where there is none.' }),
    page: t.exposeInt('page', { nullable: true, description: 'The page, where there are pages.' }),
    quotation: t.exposeString('quotation', { description: 'The passage, word for word.' }),
  }),
})

/** `SessionMessage` */
export const messageRef = builder.objectRef<Message>('SessionMessage').implement({
  description: 'What somebody said, or a reply to it. The position gives the one order that everybody sees.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `message_`.' }),
    sessionId: t.exposeID('sessionId', { description: 'The session.' }),
    position: t.exposeInt('position', { description: '1, 2, 3 … without a gap.' }),
    author: t.exposeID('author', { nullable: true, description: 'The user who said it; null for a reply.' }),
    clientId: t.exposeString('clientId', {
      nullable: true,
      description: 'The author’s own id for it, by which the author’s page knows it again; null for a reply.',
    }),
    body: t.exposeString('body', { description: 'Plain text; Markdown for a reply.' }),
    status: t.field({ type: messageStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    replyTo: t.exposeID('replyTo', { nullable: true, description: 'Of a reply: the message it answers.' }),
    taskId: t.exposeID('taskId', {
      nullable: true,
      description: 'Of a reply: the task that writes it; `cancelTask` stops it, `retryTask` writes it again.',
    }),
    attempt: t.exposeInt('attempt', { description: 'Of a reply: which attempt has written what there is.' }),
    citations: t.field({
      type: [citationRef],
      description: 'Of a reply that is COMPLETED: the passages it quotes, in the order of their numbers.',
      resolve: ({ citations }) => citations,
    }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why a reply failed.',
      resolve: ({ error }) => error,
    }),
    tokenCount: t.exposeInt('tokenCount', { description: 'An estimate: one for four characters.' }),
    createdAt: t.field({ type: 'DateTime', description: 'When it came in.', resolve: ({ createdAt }) => createdAt }),
    finishedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When a reply ended.',
      resolve: ({ finishedAt }) => finishedAt,
    }),
  }),
})

/** `SessionCard` */
export const cardRef = builder.objectRef<Card>('SessionCard').implement({
  description: 'What a session is about: replies are made from its cards. All participants can read of it in replies.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `card_`.' }),
    kind: t.field({ type: cardKind, description: 'What it shows.', resolve: ({ kind }) => kind }),
    title: t.exposeString('title', { description: 'The title of what it shows, when it was added.' }),
    text: t.exposeString('text', { nullable: true, description: 'Of a NOTE.' }),
    documentId: t.exposeID('documentId', {
      nullable: true,
      description: 'Of a DOCUMENT or SECTION; null when it was deleted since. Not everybody here may open it.',
    }),
    sectionKey: t.exposeString('sectionKey', { nullable: true, description: 'Of a SECTION: `Section.key`.' }),
    quizId: t.exposeID('quizId', { nullable: true, description: 'Of a QUIZ; null when it was deleted since.' }),
    addedBy: t.exposeID('addedBy', { description: 'The user who added it.' }),
    clientId: t.exposeString('clientId', { description: 'That user’s own id for it.' }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was added.', resolve: ({ createdAt }) => createdAt }),
  }),
})

const messageConnection = defineConnection<Message>('SessionMessage', messageRef)

sessionRef.implement({
  description: 'A conversation of several people about some cards. Only participants find it.',
  interfaces: [node],
  fields: (t) => ({
    id: t.id({ description: 'Begins with `session_`.', resolve: ({ session }) => session.id }),
    title: t.string({ description: 'What it is called.', resolve: ({ session }) => session.title }),
    owner: t.id({ description: 'The user whose session it is.', resolve: ({ session }) => session.owner }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it began.',
      resolve: ({ session }) => session.createdAt,
    }),
    closedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was closed: since then it can only be read. null while it is open.',
      resolve: ({ session }) => session.closedAt,
    }),
    statistics: t.field({
      type: statisticsRef,
      description: 'What can be counted of it.',
      resolve: ({ session }) => session.statistics,
    }),
    participants: t.field({
      type: [participantRef],
      description: 'Who may see it, by when they came.',
      resolve: ({ session, state }, _, { loaders }) => state?.participants ?? loaders.participantsOf.load(session),
    }),
    cards: t.field({
      type: [cardRef],
      description: 'What it is about, by when they were added.',
      resolve: ({ session, state }, _, { loaders }) => state?.cards ?? loaders.cardsOf.load(session.id),
    }),
    present: t.idList({
      description: 'The users who watch it now, on whatever server.',
      resolve: async ({ session, state }, _, { engine }) => {
        const present = state?.present ?? (await engine.presence.list(sessionTopic(session.id)))
        return present.map(({ userId }) => userId)
      },
    }),
    typing: t.idList({
      description: 'Those of them who are typing.',
      resolve: async ({ session, state }, _, { engine }) => {
        const present = state?.present ?? (await engine.presence.list(sessionTopic(session.id)))
        return present.filter(({ mark }) => mark === typingMark).map(({ userId }) => userId)
      },
    }),
    messages: t.field({
      type: messageConnection,
      description: 'What was said, oldest first. Without arguments the newest 50; further back with `before`.',
      args: {
        first: t.arg.int({ description: 'At most this many from the beginning, or after `after`; up to 100.' }),
        after: t.arg.string({ description: 'Only those after this cursor.' }),
        last: t.arg.int({ description: 'At most this many from the end, or before `before`; up to 100.' }),
        before: t.arg.string({ description: 'Only those before this cursor.' }),
      },
      resolve: async ({ session, state }, { first, after, last, before }, { sessions }): Promise<Page<Message>> => {
        const isFromStart = first !== null && first !== undefined
        const limit = pageSize(first ?? last, snapshotMessages)
        const isNewest = !isFromStart && (after ?? before ?? null) === null
        if (state !== undefined && isNewest && limit <= snapshotMessages) {
          const messages = limit === 0 ? [] : state.messages.slice(-limit)
          return toMessagePage({ messages, hasBefore: (messages[0]?.position ?? 1) > 1, hasAfter: false })
        }
        const range = { after: parsePosition(after), before: parsePosition(before), limit, isFromStart }
        return toMessagePage(await sessions.messages.range(session.id, range))
      },
    }),
  }),
})

const sessionConnection = defineConnection<SessionSource>('Session', sessionRef)

builder.queryFields((t) => ({
  session: t.field({
    type: sessionRef,
    nullable: true,
    description: 'A session that the viewer takes part in; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `session_`.' }) },
    resolve: async (_, { id }, context) => {
      const session = await findSession(context, id)
      return session === null ? null : { session }
    },
  }),
  sessions: t.field({
    type: sessionConnection,
    description: 'The sessions that the viewer takes part in, newest first.',
    args: listArguments,
    resolve: async (_, range, context) => {
      const viewer = requireLimitedViewer(context)
      const { userId } = viewer
      const sessionIds = sessionLimit(viewer)
      const page = await readPage(range, (rows) => context.sessions.list({ userId, sessionIds, ...rows }))
      return mapPage(page, (session): SessionSource => ({ session }))
    },
  }),
}))
