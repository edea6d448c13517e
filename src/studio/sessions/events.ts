import type { PoolClient } from 'pg'
import { appendInTransaction, type LogEvent, type TransactionalAppender } from '../../engine.ts'
import { type Card, type Message, type Participant, type SessionStatistics, sessionTopic } from './session.ts'

/** An event of a session's topic. */
export type SessionEvent =
  | { readonly type: 'SessionMessageAdded'; readonly payload: { readonly message: Message } }
  /** A reply restarts or has ended: its new content replaces the previous one. */
  | { readonly type: 'SessionMessageChanged'; readonly payload: { readonly message: Message } }
  | { readonly type: 'SessionReplyAdvanced'; readonly payload: ReplyPiece }
  | { readonly type: 'SessionCardAdded'; readonly payload: { readonly card: Card } }
  | { readonly type: 'SessionCardRemoved'; readonly payload: { readonly cardId: string } }
  | { readonly type: 'SessionParticipantJoined'; readonly payload: { readonly participant: Participant } }
  | {
      readonly type: 'SessionParticipantLeft'
      readonly payload: { readonly userId: string; readonly isRemoved: boolean }
    }
  | { readonly type: 'SessionStatisticsChanged'; readonly payload: { readonly statistics: SessionStatistics } }
  | { readonly type: 'SessionClosed'; readonly payload: { readonly closedAt: string } }

/** A piece of a reply, as it is written. */
export interface ReplyPiece {
  readonly messageId: string
  readonly attempt: number
  /** In UTF-16 units from the start of this attempt's text. */
  readonly offset: number
  readonly text: string
}

/** The terminal event. */
export const lastSessionEvent: SessionEvent['type'] = 'SessionClosed'

/** Returns how an event may be compacted for a slow subscriber. */
export function classOfSessionEvent(type: string): 'latest' | 'append' | 'keep' {
  if (type === 'SessionStatisticsChanged') return 'latest'
  return type === 'SessionReplyAdvanced' ? 'append' : 'keep'
}

/** Joins two pieces of one reply, when the second starts where the first ends. */
export function joinReplyPieces(first: LogEvent, second: LogEvent): LogEvent | null {
  const { messageId, attempt, offset, text } = first.payload as unknown as ReplyPiece
  const next = second.payload as unknown as ReplyPiece
  if (next.messageId !== messageId || next.attempt !== attempt || next.offset !== offset + text.length) return null
  return { ...second, payload: { ...second.payload, offset, text: text + next.text } }
}

/** Appends session events, in the transactions of their changes. */
export interface SessionLog {
  /**
   * Appends to a session's topic in the caller's transaction; other processes are notified after
   * the commit. Events for a closed session are dropped.
   */
  append(client: PoolClient, sessionId: string, events: readonly SessionEvent[]): Promise<void>
}

/** Creates the appender of session events. */
export function createSessionLog(appender: TransactionalAppender): SessionLog {
  return {
    async append(client, sessionId, events) {
      const result = await appendInTransaction(appender, client, {
        topic: sessionTopic(sessionId),
        events: events.map(({ type, payload }) => ({ type, payload: { ...payload } })),
        ...(events.at(-1)?.type === lastSessionEvent ? { close: true } : {}),
      })
      if (!result.accepted && result.seq === null) throw new Error(`The session "${sessionId}" has no topic`)
    },
  }
}
