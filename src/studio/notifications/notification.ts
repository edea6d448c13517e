import type { JsonObject } from '../../db/tables.ts'

/** How much a notification matters, and to what end. */
export type NotificationLevel = 'INFORMATION' | 'SUCCESS' | 'WARNING' | 'ERROR'

/** What somebody is told. */
export interface Draft {
  readonly level: NotificationLevel
  readonly title: string
  readonly message?: string | null | undefined
  /** The id of what it is about, as the API gives them out. */
  readonly aboutId?: string | null | undefined
  /** The store's default when it is left out. */
  readonly expiresAt?: Date | null | undefined
  /** Told again with the same key, nothing is told. */
  readonly key?: string | undefined
}

/** What somebody was told, as that user has it. */
export interface Notification {
  readonly id: string
  /** Whose inbox this is. */
  readonly recipient: string
  readonly isForEveryone: boolean
  readonly level: NotificationLevel
  readonly title: string
  readonly message: string | null
  readonly aboutId: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
  /** null while it is unread. */
  readonly readAt: Date | null
}

/** The present state of an inbox. */
export interface InboxState {
  readonly unreadCount: number
  /** Newest first. */
  readonly newest: readonly Notification[]
  readonly hasMore: boolean
}

/** Every type of event in the topic of an inbox. All carry `unreadCount`, as it is after them. */
export type InboxEventType = 'NotificationArrived' | 'NotificationsRead' | 'NotificationsRemoved'

const prefix = 'inbox:'

/** The name of the topic of a user's inbox. */
export function inboxTopic(userId: string): string {
  return `${prefix}${userId}`
}

/** A row of a notification; `read_at` as its reader has it. */
export interface NotificationRow {
  readonly id: string
  readonly user_id: string | null
  readonly level: NotificationLevel
  readonly title: string
  readonly message: string | null
  readonly about_id: string | null
  readonly created_at: Date
  readonly expires_at: Date
  readonly read_at: Date | null
}

/** The columns of {@link NotificationRow} but the last, of a table `n`. */
export const notificationColumns =
  'n.id, n.user_id, n.level, n.title, n.message, n.about_id, n.created_at, n.expires_at'

/** A row as `recipient` has it. */
export function toNotification(row: NotificationRow, recipient: string): Notification {
  return {
    id: row.id,
    recipient,
    isForEveryone: row.user_id === null,
    level: row.level,
    title: row.title,
    message: row.message,
    aboutId: row.about_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    readAt: row.read_at,
  }
}

/** A notification that has just arrived, as its event carries it. */
export function toPayload({ recipient: _, createdAt, expiresAt, readAt, ...rest }: Notification): JsonObject {
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    readAt: readAt?.toISOString() ?? null,
  }
}

/** The notification in the payload of an event. */
export function fromPayload(payload: JsonObject, recipient: string): Notification {
  const { createdAt, expiresAt, readAt, ...rest } = payload as {
    readonly createdAt: string
    readonly expiresAt: string
    readonly readAt: string | null
  }
  return {
    ...(rest as Omit<Notification, 'recipient' | 'createdAt' | 'expiresAt' | 'readAt'>),
    recipient,
    createdAt: new Date(createdAt),
    expiresAt: new Date(expiresAt),
    readAt: readAt === null ? null : new Date(readAt),
  }
}
