import type {
  SessionCardFieldsFragment,
  SessionEventFieldsFragment,
  SessionMessageFieldsFragment,
  SessionParticipantFieldsFragment,
  SessionStatisticsFieldsFragment,
} from '../../gql/graphql.ts'

/** An event of a session with the fields of the fragment `SessionEventFields` (client/apps/sessions/session.graphql). */
export type SessionEvent = SessionEventFieldsFragment
/** A message, or a reply. */
export type SessionMessage = SessionMessageFieldsFragment
/** A card of a session. */
export type SessionCard = SessionCardFieldsFragment
/** A participant of a session. */
export type SessionParticipant = SessionParticipantFieldsFragment
/** The statistics of a session. */
export type SessionStatistics = SessionStatisticsFieldsFragment

/** The state of a session after folding its events. */
export interface SessionState {
  readonly id: string
  readonly title: string
  readonly owner: string
  /** Null while it is open. */
  readonly closedAt: string | null
  readonly statistics: SessionStatistics | null
  readonly participants: readonly SessionParticipant[]
  readonly cards: readonly SessionCard[]
  /** By position, without gaps; always contains the newest ones. */
  readonly messages: readonly SessionMessage[]
  /**
   * The `before` cursor of the messages before the first of `messages`; null when there are none.
   */
  readonly earlierCursor: string | null
  /** User ids. */
  readonly present: readonly string[]
  readonly typing: readonly string[]
  /** The cursor of the last event; null before the first. */
  readonly cursor: string | null
  /** The number of the last event; 0 before the first. */
  readonly seq: number
  /**
   * The cursor of the last reset snapshot, so that the same reset is not folded twice; null without
   * one.
   */
  readonly resetCursor: string | null
}

/** Creates the initial state of a session, with nothing known but its id. */
export function unknownSession(id: string): SessionState {
  return {
    id,
    title: '',
    owner: '',
    closedAt: null,
    statistics: null,
    participants: [],
    cards: [],
    messages: [],
    earlierCursor: null,
    present: [],
    typing: [],
    cursor: null,
    seq: 0,
    resetCursor: null,
  }
}
