import type { FailureState } from '../../engine.ts'
import type { Card, Message, Participant, ReplyCitation, Session, SessionStatistics } from './session.ts'

/** A row of `session`, from a query or from JSON. */
export interface SessionRow {
  id: string
  owner: string
  title: string
  message_count: number
  token_count: number
  last_activity_at: Date | string
  created_at: Date | string
  closed_at: Date | string | null
}

/** The columns of `session s` for {@link toSession}. */
export const sessionColumns =
  's.id, s.owner, s.title, s.message_count, s.token_count, s.last_activity_at, s.created_at, s.closed_at'

/** Formats a timestamp as in events. */
function instant(value: Date | string): string {
  return new Date(value).toISOString()
}

/** Converts a row to a session. */
export function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    owner: row.owner,
    title: row.title,
    statistics: toStatistics(row),
    createdAt: new Date(row.created_at),
    closedAt: row.closed_at === null ? null : new Date(row.closed_at),
  }
}

/** Reads the statistics from a session's row. */
export function toStatistics(
  row: Pick<SessionRow, 'message_count' | 'token_count' | 'last_activity_at'>,
): SessionStatistics {
  return {
    messageCount: row.message_count,
    tokenCount: row.token_count,
    lastActivityAt: instant(row.last_activity_at),
  }
}

/** A row of `session_participant`. */
export interface ParticipantRow {
  session_id: string
  user_id: string
  joined_at: Date | string
}

/** Converts a row to a participant. */
export function toParticipant({ user_id, joined_at }: ParticipantRow, owner: string): Participant {
  return { userId: user_id, isOwner: user_id === owner, joinedAt: instant(joined_at) }
}

/** A row of `session_message`. */
export interface MessageRow {
  id: string
  session_id: string
  position: number
  author: string | null
  client_id: string | null
  body: string
  status: Message['status']
  reply_to: string | null
  task_id: string | null
  attempt: number
  citations: ReplyCitation[]
  error: FailureState | null
  token_count: number
  created_at: Date | string
  finished_at: Date | string | null
}

/** Converts a row to a message. */
export function toMessage(row: MessageRow): Message {
  return {
    id: row.id,
    sessionId: row.session_id,
    position: row.position,
    author: row.author,
    clientId: row.client_id,
    body: row.body,
    status: row.status,
    replyTo: row.reply_to,
    taskId: row.task_id,
    attempt: row.attempt,
    citations: row.citations,
    error: row.error,
    tokenCount: row.token_count,
    createdAt: instant(row.created_at),
    finishedAt: row.finished_at === null ? null : instant(row.finished_at),
  }
}

/** A row of `session_card`. */
export interface CardRow {
  id: string
  session_id: string
  kind: Card['kind']
  document_id: string | null
  section_key: string | null
  quiz_id: string | null
  title: string
  text: string | null
  added_by: string
  client_id: string
  created_at: Date | string
}

/** Converts a row to a card. */
export function toCard(row: CardRow): Card {
  return {
    id: row.id,
    sessionId: row.session_id,
    kind: row.kind,
    title: row.title,
    text: row.text,
    documentId: row.document_id,
    sectionKey: row.section_key,
    quizId: row.quiz_id,
    addedBy: row.added_by,
    clientId: row.client_id,
    createdAt: instant(row.created_at),
  }
}
