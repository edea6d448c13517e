import { ignoreUnknown, isNewerSnapshot } from '../../index.ts'
import { type SessionEvent, type SessionMessage, type SessionState, unknownSession } from './session-state.ts'

type EventOf<Name extends SessionEvent['__typename']> = Extract<SessionEvent, { readonly __typename: Name }>

/**
 * Folds one event into the state of its session. Pure: the same events give the same state, no
 * matter how they were split, repeated or resumed. An event that is not newer than the state
 * changes nothing, and the same object is returned. A snapshot replaces everything, except earlier
 * messages that directly precede its first message.
 *
 * @param state - undefined before the first event
 */
export function reduceSession(state: SessionState | undefined, event: SessionEvent): SessionState {
  const before = state ?? unknownSession(event.sessionId)
  if (event.__typename === 'SessionSnapshot')
    return isNewerSnapshot(before, event) ? foldSnapshot(before, event) : before
  // Presence is ephemeral: it repeats the number of the event before it, and the newest update
  // counts.
  if (event.__typename === 'SessionPresenceChanged')
    return event.seq < before.seq ? before : { ...before, present: event.present, typing: event.typing }
  if (event.seq <= before.seq) return before
  return { ...foldDetails(before, event), cursor: event.cursor, seq: event.seq }
}

function foldSnapshot(before: SessionState, event: EventOf<'SessionSnapshot'>): SessionState {
  const { seq, cursor, reason, session } = event
  const { messages: page, ...rest } = session
  const first = page.nodes[0]?.position ?? 1
  const earlier = reason === 'RESET' ? [] : before.messages.filter(({ position }) => position < first)
  // When messages between the two are missing, the earlier ones are dropped: they can be fetched
  // again.
  const isWhole = earlier.at(-1)?.position === first - 1
  return {
    id: rest.id,
    title: rest.title,
    owner: rest.owner,
    closedAt: rest.closedAt,
    statistics: rest.statistics,
    participants: rest.participants,
    cards: rest.cards,
    present: rest.present,
    typing: rest.typing,
    messages: isWhole ? [...earlier, ...page.nodes] : page.nodes,
    earlierCursor: isWhole ? before.earlierCursor : page.pageInfo.hasPreviousPage ? page.pageInfo.startCursor : null,
    cursor,
    seq,
    resetCursor: reason === 'RESET' ? cursor : before.resetCursor,
  }
}

function foldDetails(
  state: SessionState,
  event: Exclude<SessionEvent, EventOf<'SessionSnapshot' | 'SessionPresenceChanged'>>,
): SessionState {
  switch (event.__typename) {
    case 'SessionMessageAdded':
    case 'SessionMessageChanged':
      return { ...state, messages: putMessage(state.messages, event.message) }
    case 'SessionReplyAdvanced':
      return { ...state, messages: growReply(state.messages, event) }
    case 'SessionCardAdded':
      return { ...state, cards: [...state.cards.filter(({ id }) => id !== event.card.id), event.card] }
    case 'SessionCardRemoved':
      return { ...state, cards: state.cards.filter(({ id }) => id !== event.cardId) }
    case 'SessionParticipantJoined': {
      const otherParticipants = state.participants.filter(({ userId }) => userId !== event.participant.userId)
      return { ...state, participants: [...otherParticipants, event.participant] }
    }
    case 'SessionParticipantLeft':
      return { ...state, participants: state.participants.filter(({ userId }) => userId !== event.userId) }
    case 'SessionStatisticsChanged':
      return { ...state, statistics: event.statistics }
    case 'SessionClosed':
      return { ...state, closedAt: event.closedAt }
    case 'SessionOther':
      return state
    default:
      return ignoreUnknown(event, state)
  }
}

/** Puts a message at its position. A message before all known ones is dropped. */
function putMessage(messages: readonly SessionMessage[], message: SessionMessage): readonly SessionMessage[] {
  const last = messages.at(-1)
  if (last === undefined || message.position > last.position) return [...messages, message]
  return messages.map((existing) => (existing.position === message.position ? message : existing))
}

function growReply(
  messages: readonly SessionMessage[],
  { messageId, attempt, offset, text }: EventOf<'SessionReplyAdvanced'>,
): readonly SessionMessage[] {
  const at = messages.findLastIndex(({ id }) => id === messageId)
  const reply = messages[at]
  // Text of another attempt, or after a gap, which only a bug can cause: the final event contains
  // the whole text.
  if (reply === undefined || reply.attempt !== attempt || offset > reply.body.length) return messages
  return messages.with(at, { ...reply, body: reply.body.slice(0, offset) + text })
}
