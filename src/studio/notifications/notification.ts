import type { JsonObject } from '../../engine.ts'

/** The severity of a notification. */
type NotificationLevel = 'INFORMATION' | 'SUCCESS' | 'WARNING' | 'ERROR'

/** The content of a new notification. */
export interface Draft {
  readonly level: NotificationLevel
  readonly title: string
  readonly message?: string | null | undefined
  /** The global id of the object that the notification is about. */
  readonly aboutId?: string | null | undefined
  /** Defaults to the store's retention. */
  readonly expiresAt?: Date | null | undefined
  /** Idempotency key: a second notification with the same key is not sent. */
  readonly key?: string | undefined
}

/** A notification as seen by its recipient. */
export interface Notification {
  readonly id: string
  /** The owner of the inbox. */
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

/** The current state of an inbox. */
export interface InboxState {
  readonly unreadCount: number
  /** Newest first. */
  readonly newest: readonly Notification[]
  readonly hasMore: boolean
}

/** The event types of an inbox topic. All payloads carry the resulting `unreadCount`. */
export type InboxEventType = 'NotificationArrived' | 'NotificationsRead' | 'NotificationsRemoved'

const prefix = 'inbox:'

/** Returns the name of a user's inbox topic. */
export function inboxTopic(userId: string): string {
  return `${prefix}${userId}`
}

/** A row of a notification; `read_at` is that of the recipient. */
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

/** The columns of {@link NotificationRow} except the last, of a table `n`. */
export const notificationColumns =
  'n.id, n.user_id, n.level, n.title, n.message, n.about_id, n.created_at, n.expires_at'

/** Converts a row to the notification of `recipient`. */
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

/** Converts a new notification to the payload of its event. */
export function toPayload({ recipient: _, createdAt, expiresAt, readAt, ...rest }: Notification): JsonObject {
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    readAt: readAt?.toISOString() ?? null,
  }
}

/** Reads the notification from the payload of an event. */
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
