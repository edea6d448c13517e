import type { FailureState } from '../../engine.ts'

/** A conversation of several participants. */
export interface Session {
  readonly id: string
  readonly owner: string
  readonly title: string
  readonly statistics: SessionStatistics
  readonly createdAt: Date
  /** null while it is open. */
  readonly closedAt: Date | null
}

/** The statistics of a session. */
export interface SessionStatistics {
  readonly messageCount: number
  /** Estimated total over all messages: see {@link estimateTokens}. */
  readonly tokenCount: number
  /** RFC 3339. */
  readonly lastActivityAt: string
}

/** A user with access to a session. */
export interface Participant {
  readonly userId: string
  readonly isOwner: boolean
  /** RFC 3339. */
  readonly joinedAt: string
}

/** The state of a message. A user's message is always SENT; a reply is WRITING until it has ended. */
type MessageStatus = 'SENT' | 'WRITING' | 'COMPLETED' | 'STOPPED' | 'FAILED'

/** A passage that a reply quotes, or that it is based on. */
export interface ReplyCitation {
  readonly cardId: string
  readonly cardTitle: string
  /** null for cards without sections. */
  readonly sectionKey: string | null
  /** '' when there is none. */
  readonly heading: string
  /** null for sources without pages. */
  readonly page: number | null
  readonly quotation: string
}

/** A user's message, or a reply. Plain JSON: included in events unchanged. */
export interface Message {
  readonly id: string
  readonly sessionId: string
  /** 1, 2, 3 …: the order, identical for all participants. */
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

/** The kind of a card's content. */
type CardKind = 'DOCUMENT' | 'SECTION' | 'QUIZ' | 'NOTE'

/** A source of a session. Plain JSON. */
export interface Card {
  readonly id: string
  readonly sessionId: string
  readonly kind: CardKind
  readonly title: string
  /** The text of a note; null for other kinds. */
  readonly text: string | null
  /** null for other kinds, and when the document was deleted. */
  readonly documentId: string | null
  readonly sectionKey: string | null
  readonly quizId: string | null
  readonly addedBy: string
  readonly clientId: string
  readonly createdAt: string
}

/** Returns the name of a session's topic. */
export function sessionTopic(sessionId: string): string {
  return `session:${sessionId}`
}

/** Estimates the number of tokens in a text: about one per four characters of ordinary text. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4)
}
