import type {
  SessionCardFieldsFragment,
  SessionEventFieldsFragment,
  SessionMessageFieldsFragment,
  SessionParticipantFieldsFragment,
  SessionStatisticsFieldsFragment,
} from '../gql/graphql.ts'

/** An event of a session with the fields of the fragment `SessionEventFields` (client/documents/session.graphql). */
export type SessionEvent = SessionEventFieldsFragment
/** A message, or a reply. */
export type SessionMessage = SessionMessageFieldsFragment
/** What a session is about. */
export type SessionCard = SessionCardFieldsFragment
/** Somebody who takes part. */
export type SessionParticipant = SessionParticipantFieldsFragment
/** What can be counted of a session. */
export type SessionStatistics = SessionStatisticsFieldsFragment

/** What is known of a session after the events that were folded into it. */
export interface SessionState {
  readonly id: string
  readonly title: string
  readonly owner: string
  /** Null while it is open. */
  readonly closedAt: string | null
  readonly statistics: SessionStatistics | null
  readonly participants: readonly SessionParticipant[]
  readonly cards: readonly SessionCard[]
  /** By position, without gaps; the newest are always there. */
  readonly messages: readonly SessionMessage[]
  /** What asks for those before the first of `messages`, as `before`; null when there are none. */
  readonly earlierCursor: string | null
  /** User ids. */
  readonly present: readonly string[]
  readonly typing: readonly string[]
  /** The place of the last event; null before the first. */
  readonly cursor: string | null
  /** The number of the last event; 0 before the first. */
  readonly seq: number
  /** Where the log began anew, so that the same word of it is not taken twice. */
  readonly resetCursor: string | null
}

/** A session of which nothing is known yet but its id. */
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
