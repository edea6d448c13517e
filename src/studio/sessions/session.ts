import type { FailureState } from '../../tasks/task.ts'

/** A conversation that several people watch. */
export interface Session {
  readonly id: string
  readonly owner: string
  readonly title: string
  readonly statistics: SessionStatistics
  readonly createdAt: Date
  /** null while it is open. */
  readonly closedAt: Date | null
}

/** What can be counted of a session. */
export interface SessionStatistics {
  readonly messageCount: number
  /** Of all messages, estimated: see {@link estimateTokens}. */
  readonly tokenCount: number
  /** RFC 3339. */
  readonly lastActivityAt: string
}

/** Somebody who may see a session. */
export interface Participant {
  readonly userId: string
  readonly isOwner: boolean
  /** RFC 3339. */
  readonly joinedAt: string
}

/** Where a message is. A person's is SENT from the beginning; a reply is WRITING until it has ended. */
export type MessageStatus = 'SENT' | 'WRITING' | 'COMPLETED' | 'STOPPED' | 'FAILED'

/** A passage that a reply quotes, or was made from. */
export interface ReplyCitation {
  readonly cardId: string
  readonly cardTitle: string
  /** null where the card has no sections. */
  readonly sectionKey: string | null
  /** '' where there is none. */
  readonly heading: string
  /** null in what has no pages. */
  readonly page: number | null
  readonly quotation: string
}

/** What somebody said, or a reply to it. Plain JSON: it stands in events as it is. */
export interface Message {
  readonly id: string
  readonly sessionId: string
  /** 1, 2, 3 …: the order, the same for everybody. */
  readonly position: number
  /** null for a reply. */
  readonly author: string | null
  readonly clientId: string | null
  /** Markdown for a reply, plain text otherwise. */
  readonly body: string
  readonly status: MessageStatus
  readonly replyTo: string | null
  readonly taskId: string | null
  readonly attempt: number
  readonly citations: readonly ReplyCitation[]
  readonly error: FailureState | null
  readonly tokenCount: number
  /** RFC 3339. */
  readonly createdAt: string
  readonly finishedAt: string | null
}

/** What a card shows. */
export type CardKind = 'DOCUMENT' | 'SECTION' | 'QUIZ' | 'NOTE'

/** What a session is about, or a part of it. Plain JSON. */
export interface Card {
  readonly id: string
  readonly sessionId: string
  readonly kind: CardKind
  readonly title: string
  /** Of a note; null otherwise. */
  readonly text: string | null
  /** null for other kinds, and when the document was deleted since. */
  readonly documentId: string | null
  readonly sectionKey: string | null
  readonly quizId: string | null
  readonly addedBy: string
  readonly clientId: string
  readonly createdAt: string
}

/** A session's topic. */
export function sessionTopic(sessionId: string): string {
  return `session:${sessionId}`
}

/** How many tokens a text has, roughly: models see about four characters of ordinary text as one. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4)
}
