import { TidingsError } from '../src/errors.ts'
import type { Present } from '../src/log/presence.ts'
import {
  classOfSessionEvent,
  joinReplyPieces,
  lastSessionEvent,
  type ReplyPiece,
} from '../src/studio/sessions/events.ts'
import {
  type Card,
  type Message,
  type Participant,
  type SessionStatistics,
  sessionTopic,
} from '../src/studio/sessions/session.ts'
import { type SessionState, typingMark } from '../src/studio/sessions/sessions.ts'
import { maySeeSession, requirePart } from './access.ts'
import { builder } from './builder.ts'
import { sessionRef } from './refs.ts'
import { cardRef, messageRef, participantRef, statisticsRef } from './session.ts'
import { defineTopicEvents, type LoggedEvent, promised, readLogged } from './topic-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

interface EventSource extends LoggedEvent<SessionState> {
  readonly sessionId: string
  readonly present?: readonly Present[]
}

const {
  event: sessionEvent,
  eventRef,
  snapshotRef,
} = defineTopicEvents<EventSource>('SessionEvent', {
  description:
    'What happened in a session. New kinds of event may appear: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without a gap. SessionSnapshot and SessionPresenceChanged report a passing state and repeat the last number.',
  unknown: 'SessionOther',
})
builder.interfaceField(sessionEvent, 'sessionId', (t) =>
  t.exposeID('sessionId', { description: 'The session it happened in.' }),
)
const interfaces = [sessionEvent]
const messageOf = ({ payload }: EventSource): Message => payload['message'] as Message
const pieceOf = ({ payload }: EventSource): ReplyPiece => payload as unknown as ReplyPiece

snapshotRef('SessionSnapshot').implement({
  description: 'The whole present state, in place of events: begin anew from it.',
  interfaces,
  fields: (t) => ({
    session: t.field({
      type: sessionRef,
      description: 'The session as it is at `cursor`; its newest 50 messages need no further request.',
      resolve: (event) => {
        const state = promised(event.snapshot, event)
        return { session: state.session, state }
      },
    }),
  }),
})
eventRef('SessionMessageAdded').implement({
  description: 'Somebody said something, or a reply begins: empty, and WRITING.',
  interfaces,
  fields: (t) => ({ message: t.field({ type: messageRef, description: 'The message.', resolve: messageOf }) }),
})
eventRef('SessionMessageChanged').implement({
  description: 'A reply has ended, or begins anew: what it says now takes the place of what was known of it.',
  interfaces,
  fields: (t) => ({
    message: t.field({ type: messageRef, description: 'The reply as it is now.', resolve: messageOf }),
  }),
})
eventRef('SessionReplyAdvanced').implement({
  description: 'A piece of a reply, as it is written.',
  interfaces,
  fields: (t) => ({
    messageId: t.id({ description: 'The message that is the reply.', resolve: (event) => pieceOf(event).messageId }),
    attempt: t.int({ description: 'The attempt that writes it.', resolve: (event) => pieceOf(event).attempt }),
    offset: t.int({
      description: 'Where in the body of this attempt it begins, in UTF-16 code units.',
      resolve: (event) => pieceOf(event).offset,
    }),
    text: t.string({ description: 'Markdown, cut anywhere.', resolve: (event) => pieceOf(event).text }),
  }),
})
eventRef('SessionCardAdded').implement({
  description: 'A card was laid beside the conversation.',
  interfaces,
  fields: (t) => ({
    card: t.field({ type: cardRef, description: 'The card.', resolve: ({ payload }) => payload['card'] as Card }),
  }),
})
eventRef('SessionCardRemoved').implement({
  description: 'A card was taken away.',
  interfaces,
  fields: (t) => ({
    cardId: t.id({ description: 'The card that was.', resolve: ({ payload }) => String(payload['cardId']) }),
  }),
})
eventRef('SessionParticipantJoined').implement({
  description: 'Somebody was invited, or came by a link.',
  interfaces,
  fields: (t) => ({
    participant: t.field({
      type: participantRef,
      description: 'Who.',
      resolve: ({ payload }) => payload['participant'] as Participant,
    }),
  }),
})
eventRef('SessionParticipantLeft').implement({
  description: 'Somebody left, or was put out.',
  interfaces,
  fields: (t) => ({
    userId: t.id({ description: 'Who.', resolve: ({ payload }) => String(payload['userId']) }),
    isRemoved: t.boolean({
      description: 'Whether the owner put that user out.',
      resolve: ({ payload }) => payload['isRemoved'] === true,
    }),
  }),
})
eventRef('SessionStatisticsChanged').implement({
  description: 'The statistics have changed. Only the newest counts: for a slow reader the others are left out.',
  interfaces,
  fields: (t) => ({
    statistics: t.field({
      type: statisticsRef,
      description: 'What they are now.',
      resolve: ({ payload }) => payload['statistics'] as SessionStatistics,
    }),
  }),
})
eventRef('SessionPresenceChanged').implement({
  description:
    'Who watches the session now and who is typing: told once to whoever begins to watch, and whenever it changes. Not in the log, and not told to clients that poll.',
  interfaces,
  fields: (t) => ({
    present: t.idList({
      description: 'The users who watch it, on whatever server.',
      resolve: ({ present = [] }) => present.map(({ userId }) => userId),
    }),
    typing: t.idList({
      description: 'Those of them who are typing.',
      resolve: ({ present = [] }) => present.filter(({ mark }) => mark === typingMark).map(({ userId }) => userId),
    }),
  }),
})
eventRef('SessionClosed').implement({
  description: 'The owner has closed the session: it can be read, and nothing is added. The last event.',
  interfaces,
  fields: (t) => ({
    closedAt: t.field({
      type: 'DateTime',
      description: 'When.',
      resolve: ({ payload }) => String(payload['closedAt']),
    }),
  }),
})
eventRef('SessionOther').implement({
  description: 'Something that this version does not know.',
  interfaces,
  fields: (t) => ({ type: t.string({ description: 'What it is called.', resolve: ({ type }) => type }) }),
})

builder.subscriptionField('sessionEvents', (t) =>
  t.field({
    type: sessionEvent,
    description: `Everything that happens in a session, in the one order that all participants see, each event once.

Without \`after\`: a snapshot first, then what follows. With \`after\`: exactly what follows that cursor, and who is there now.
Completes when the session is closed. Whoever is put out of the session is told FORBIDDEN at once.`,
    args: {
      sessionId: t.arg.id({ required: true, description: 'A session that the viewer takes part in.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
    },
    ...subscribeToTopic<{ readonly sessionId: string }, SessionState, EventSource>(async ({ sessionId }, context) => {
      const id = String(sessionId)
      await requirePart(context, id)
      const { engine, sessions, viewer } = context
      const topic = sessionTopic(id)
      return {
        topic,
        snapshot: () => sessions.snapshot(id),
        isLast: ({ type }) => type === lastSessionEvent,
        classOf: classOfSessionEvent,
        join: joinReplyPieces,
        read: (followed, place) => ({ ...readLogged(followed, place, 'SessionSnapshot'), sessionId: id }),
        isPresenceKept: true,
        standing: {
          watch: (tell) => engine.presence.watch(topic, tell),
          read: (present, place) => ({
            ...place,
            type: 'SessionPresenceChanged',
            sessionId: id,
            payload: {},
            present: present as readonly Present[],
          }),
        },
        guard: engine.visibility.guardSubject({
          subject: id,
          // Lives as long as the subscription: it does not hold on to the context.
          isAllowed: () => maySeeSession({ sessions, viewer }, id),
          refuse: () => new TidingsError('FORBIDDEN', `You no longer take part in session "${id}"`, { id }),
        }),
      }
    }),
  }),
)
