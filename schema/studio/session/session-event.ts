import { type Present, TidingsError } from '../../../src/engine.ts'
import {
  classOfSessionEvent,
  joinReplyPieces,
  lastSessionEvent,
  type ReplyPiece,
} from '../../../src/studio/sessions/events.ts'
import {
  type Card,
  type Message,
  type Participant,
  type SessionStatistics,
  sessionTopic,
} from '../../../src/studio/sessions/session.ts'
import { type SessionState, typingMark } from '../../../src/studio/sessions/sessions.ts'
import { type LoggedEvent, promised, readLogged, subscribeToTopic } from '../../index.ts'
import { builder, defineTopicEvents } from '../builder.ts'
import { sessionRef } from '../refs.ts'
import { cardRef, messageRef, participantRef, statisticsRef } from './session.ts'
import { maySeeSession, requirePart } from './session-access.ts'

interface EventSource extends LoggedEvent<SessionState> {
  readonly sessionId: string
  readonly present?: readonly Present[]
}

const {
  event: sessionEvent,
  eventRef,
  snapshotRef,
} = defineTopicEvents<EventSource>('SessionEvent', {
  description: 'An event of a session. New event types may be added: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without gaps. SessionSnapshot and SessionPresenceChanged repeat the last number.',
  unknown: 'SessionOther',
})
builder.interfaceField(sessionEvent, 'sessionId', (t) => t.exposeID('sessionId', { description: 'The session.' }))
const interfaces = [sessionEvent]
const messageOf = ({ payload }: EventSource): Message => payload['message'] as Message
const pieceOf = ({ payload }: EventSource): ReplyPiece => payload as unknown as ReplyPiece

snapshotRef('SessionSnapshot').implement({
  description: 'The whole current state. Replaces everything received before.',
  interfaces,
  fields: (t) => ({
    session: t.field({
      type: sessionRef,
      description: 'The session at `cursor`; its newest 50 messages are read with it.',
      resolve: (event) => {
        const state = promised(event.snapshot, event)
        return { session: state.session, state }
      },
    }),
  }),
})
eventRef('SessionMessageAdded').implement({
  description: 'A message was sent, or a reply began: empty, and WRITING.',
  interfaces,
  fields: (t) => ({ message: t.field({ type: messageRef, description: 'The message.', resolve: messageOf }) }),
})
eventRef('SessionMessageChanged').implement({
  description: 'A reply has ended, or a new attempt has begun. Replaces the known message.',
  interfaces,
  fields: (t) => ({
    message: t.field({ type: messageRef, description: 'The current reply.', resolve: messageOf }),
  }),
})
eventRef('SessionReplyAdvanced').implement({
  description: 'A part of a reply, as it is generated.',
  interfaces,
  fields: (t) => ({
    messageId: t.id({ description: 'The message of the reply.', resolve: (event) => pieceOf(event).messageId }),
    attempt: t.int({ description: 'The attempt that generates it.', resolve: (event) => pieceOf(event).attempt }),
    offset: t.int({
      description: 'The offset within the body of this attempt, in UTF-16 code units.',
      resolve: (event) => pieceOf(event).offset,
    }),
    text: t.string({ description: 'Markdown, split at any position.', resolve: (event) => pieceOf(event).text }),
  }),
})
eventRef('SessionCardAdded').implement({
  description: 'A card was added.',
  interfaces,
  fields: (t) => ({
    card: t.field({ type: cardRef, description: 'The card.', resolve: ({ payload }) => payload['card'] as Card }),
  }),
})
eventRef('SessionCardRemoved').implement({
  description: 'A card was removed.',
  interfaces,
  fields: (t) => ({
    cardId: t.id({ description: 'The removed card.', resolve: ({ payload }) => String(payload['cardId']) }),
  }),
})
eventRef('SessionParticipantJoined').implement({
  description: 'A user was invited, or joined by a link.',
  interfaces,
  fields: (t) => ({
    participant: t.field({
      type: participantRef,
      description: 'The user.',
      resolve: ({ payload }) => payload['participant'] as Participant,
    }),
  }),
})
eventRef('SessionParticipantLeft').implement({
  description: 'A user left or was removed.',
  interfaces,
  fields: (t) => ({
    userId: t.id({ description: 'The user.', resolve: ({ payload }) => String(payload['userId']) }),
    isRemoved: t.boolean({
      description: 'Whether the user was removed by the owner.',
      resolve: ({ payload }) => payload['isRemoved'] === true,
    }),
  }),
})
eventRef('SessionStatisticsChanged').implement({
  description: 'The statistics have changed. Only the newest values count: a slow subscriber may receive fewer events.',
  interfaces,
  fields: (t) => ({
    statistics: t.field({
      type: statisticsRef,
      description: 'The current statistics.',
      resolve: ({ payload }) => payload['statistics'] as SessionStatistics,
    }),
  }),
})
eventRef('SessionPresenceChanged').implement({
  description:
    'The users that are subscribed to the session, and those that are typing: sent at the start of a subscription and after every change. Ephemeral: not stored in the log and sent to a polling client at the end of each request.',
  interfaces,
  fields: (t) => ({
    present: t.idList({
      description: 'The users that are subscribed, on any server.',
      resolve: ({ present = [] }) => present.map(({ userId }) => userId),
    }),
    typing: t.idList({
      description: 'The users among them that are typing.',
      resolve: ({ present = [] }) => present.filter(({ mark }) => mark === typingMark).map(({ userId }) => userId),
    }),
  }),
})
eventRef('SessionClosed').implement({
  description: 'The owner has closed the session: it is read-only now. The terminal event.',
  interfaces,
  fields: (t) => ({
    closedAt: t.field({
      type: 'DateTime',
      description: 'When the session was closed.',
      resolve: ({ payload }) => String(payload['closedAt']),
    }),
  }),
})
eventRef('SessionOther').implement({
  description: 'An event of a type that this version does not have.',
  interfaces,
  fields: (t) => ({ type: t.string({ description: 'The event’s type.', resolve: ({ type }) => type }) }),
})

builder.subscriptionField('sessionEvents', (t) =>
  t.field({
    type: sessionEvent,
    description: `All events of a session, each exactly once, in the same order for all participants.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor. Both
begin with the current presence. Completes when the session is closed; ends at once with the error FORBIDDEN for a removed user.`,
    args: {
      sessionId: t.arg.id({ required: true, description: 'A session that the viewer takes part in.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
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
        read: (update, position) => ({ ...readLogged(update, position, 'SessionSnapshot'), sessionId: id }),
        isPresenceKept: true,
        ephemeral: {
          isWanted: true,
          isWantedAfter: () => true,
          isRetained: true,
          watch: (notify) => engine.presence.watch(topic, notify),
          read: () => engine.presence.list(topic),
          toEvent: (present, position) => ({
            ...position,
            type: 'SessionPresenceChanged',
            sessionId: id,
            payload: {},
            present: present as readonly Present[],
          }),
        },
        guard: engine.visibility.guardSubject({
          subject: id,
          // Lives as long as the subscription, so it does not retain the context.
          isAllowed: () => maySeeSession({ sessions, viewer }, id),
          refuse: () => new TidingsError('FORBIDDEN', `You no longer take part in session "${id}"`, { id }),
        }),
      }
    }),
  }),
)
