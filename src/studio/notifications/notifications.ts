import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import { type Appender, afterCommit, type Database, keyReused, withTransaction } from '../../engine.ts'
import { appendToInbox, countUnread, ensureInbox, lockAllInboxes, lockInbox, tellAll } from './inbox-log.ts'
import {
  type Draft,
  type InboxState,
  inboxTopic,
  type Notification,
  type NotificationRow,
  notificationColumns,
  toNotification,
  toPayload,
} from './notification.ts'
import { pruneNotifications } from './prune.ts'

/**
 * Called with each new notification once it is committed, in the process that created it; `to` is
 * null for a broadcast. The extension point for other channels, such as web push. It must not
 * throw, and is not awaited.
 */
type Deliver = (notification: Omit<Notification, 'recipient'>, to: string | null) => void

/** The inboxes of all users. Each change is appended to the topic `inbox:<user>` in the same transaction. */
export interface Notifications {
  /** Ensures that a user's inbox exists, so that its topic can be followed. */
  open(userId: string): Promise<void>
  /**
   * Notifies one user.
   *
   * @returns the user's notification, and whether it is new: false when its key was used before
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when the key was used for another notification
   */
  notify(userId: string, draft: Draft): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /**
   * Does the same in the caller's transaction, which must not notify any other user. When the key
   * was used before, returns the earlier notification, even if its content differs: the transaction
   * may be the end of a task, which must not fail because of that.
   */
  notifyIn(
    client: PoolClient,
    userId: string,
    draft: Draft,
  ): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /**
   * Notifies every user, including future ones.
   *
   * @returns the notification of the user `senderId`
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when the key was used for another notification
   */
  notifyEveryone(
    senderId: string,
    draft: Draft,
  ): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /** Lists a user's notifications that have not expired, newest first. */
  list(options: {
    readonly userId: string
    readonly isUnread?: boolean | undefined
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Notification[]>
  /** Reads a user's notifications, in the order of `ids`; null for those that the user does not have. */
  getMany(userId: string, ids: readonly string[]): Promise<readonly (Notification | null)[]>
  unreadCount(userId: string): Promise<number>
  /**
   * Returns the current inbox and the seq of its topic at which it holds; null when the inbox was
   * never opened.
   */
  snapshot(userId: string): Promise<{ readonly seq: number; readonly state: InboxState } | null>
  /**
   * Marks notifications as read: the user's unread ones among `ids`, or all.
   * @returns the number marked, and the number still unread
   */
  markRead(userId: string, ids: readonly string[] | 'all'): Promise<{ readonly count: number; readonly unread: number }>
  /**
   * Removes expired notifications, and notifies subscribers.
   * @returns the number removed
   */
  prune(): Promise<number>
}

const newestCount = 20
/** The notifications of the user `$1`. */
const ownSource = `studio.notification n left join studio.broadcast_read r on r.user_id = $1 and r.notification_id = n.id`
const ownColumns = `${notificationColumns}, coalesce(n.read_at, r.read_at) as read_at`
const isOwn = `(n.user_id = $1 or n.user_id is null) and n.expires_at > now()`

/**
 * Creates the store.
 *
 * @param options.keptDays - lifetime in days of notifications without an expiry; 30 by default
 */
export function createNotifications(options: {
  readonly database: Database
  readonly appender: Appender
  readonly keptDays?: number
  readonly deliver?: Deliver
}): Notifications {
  const { database, appender, keptDays = 30, deliver } = options
  const { pool } = database

  const insert = async (
    client: PoolClient,
    userId: string | null,
    draft: Draft,
  ): Promise<NotificationRow | undefined> => {
    const { level, title, message = null, aboutId = null, expiresAt = null, key = null } = draft
    const { rows } = await client.query<NotificationRow>(
      `insert into studio.notification as n (id, user_id, level, title, message, about_id, made_key, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now() + $9::float8 * interval '1 day'))
       on conflict (made_key) do nothing returning ${notificationColumns}, n.read_at`,
      [typeid('notification').toString(), userId, level, title, message, aboutId, key, expiresAt, keptDays],
    )
    return rows[0]
  }
  /** Returns the notification with the same key. It remains until it is pruned, even after it has expired. */
  const findByKey = async (client: PoolClient, recipient: string, key: string | undefined): Promise<Notification> => {
    const { rows } = await client.query<NotificationRow>(
      `select ${ownColumns} from ${ownSource} where n.made_key = $2`,
      [recipient, key],
    )
    const [row] = rows
    if (row === undefined) throw new Error(`The notification of the key "${key}" was removed just now; send it again`)
    return toNotification(row, recipient)
  }
  /**
   * Throws when the key was used for another notification.
   * @param userId - null for a broadcast
   */
  const refuseAnother = async (client: PoolClient, userId: string | null, draft: Draft): Promise<void> => {
    const { level, title, message = null, aboutId = null, expiresAt = null, key } = draft
    // Without an explicit expiry, the default is compared with tolerance for the difference between
    // the two clocks.
    const { rowCount } = await client.query(
      `select from studio.notification n where made_key = $1
         and (user_id, level, title, message, about_id) is not distinct from ($2::text, $3::text, $4::text, $5::text, $6::text)
         and abs(extract(epoch from expires_at - coalesce($7::timestamptz(3), created_at + $8::float8 * interval '1 day'))) < 1`,
      [key, userId, level, title, message, aboutId, expiresAt, keptDays],
    )
    if (rowCount === 0)
      throw keyReused(
        'input.idempotencyKey',
        'The idempotency key was used for another notification; use a new key for a new one',
      )
  }
  const publishDelivery = (
    client: PoolClient,
    { recipient: _, ...notification }: Notification,
    to: string | null,
  ): void => {
    if (deliver !== undefined) afterCommit(client, () => deliver(notification, to))
  }

  const notifyIn: Notifications['notifyIn'] = async (client, userId, draft) => {
    await lockInbox(client, userId)
    const row = await insert(client, userId, draft)
    if (row === undefined) return { notification: await findByKey(client, userId, draft.key), isNew: false }
    const notification = toNotification(row, userId)
    const unread = await countUnread(client, [userId])
    await appendToInbox({ appender, client }, userId, 'NotificationArrived', {
      notification: toPayload(notification),
      unreadCount: unread.get(userId) ?? 0,
    })
    publishDelivery(client, notification, userId)
    return { notification, isNew: true }
  }

  return {
    open: (userId) => withTransaction(database, (client) => ensureInbox(client, userId)),
    notify: (userId, draft) =>
      withTransaction(database, async (client) => {
        const newNotification = await notifyIn(client, userId, draft)
        if (!newNotification.isNew) await refuseAnother(client, userId, draft)
        return newNotification
      }),
    notifyIn,
    notifyEveryone: (senderId, draft) =>
      withTransaction(database, async (client) => {
        const users = await lockAllInboxes(client)
        const row = await insert(client, null, draft)
        if (row === undefined) {
          await refuseAnother(client, null, draft)
          return { notification: await findByKey(client, senderId, draft.key), isNew: false }
        }
        const notification = toNotification(row, senderId)
        await tellAll({ appender, client }, users, 'NotificationArrived', { notification: toPayload(notification) })
        publishDelivery(client, notification, null)
        return { notification, isNew: true }
      }),
    async list({ userId, isUnread = false, before, limit }) {
      const { rows } = await pool.query<NotificationRow>(
        `select ${ownColumns} from ${ownSource}
         where ${isOwn} and (not $2 or (n.read_at is null and r.read_at is null))
           and ($3::timestamptz is null or (n.created_at, n.id) < ($3::timestamptz, $4::text))
         order by n.created_at desc, n.id desc limit $5`,
        [userId, isUnread, before?.createdAt ?? null, before?.id ?? null, limit],
      )
      return rows.map((row) => toNotification(row, userId))
    },
    async getMany(userId, ids) {
      const { rows } = await pool.query<NotificationRow>(
        `select ${ownColumns} from ${ownSource} where ${isOwn} and n.id = any($2::text[])`,
        [userId, ids],
      )
      const byId = new Map(rows.map((row) => [row.id, toNotification(row, userId)]))
      return ids.map((id) => byId.get(id) ?? null)
    },
    unreadCount: async (userId) => (await countUnread(pool, [userId])).get(userId) ?? 0,
    async snapshot(userId) {
      // One statement, so that all parts belong to the same snapshot.
      const { rows } = await pool.query<Partial<NotificationRow> & { seq: number; unread: number }>(
        `select t.seq, u.unread, n.* from tidings.topic t
         cross join lateral (
           select count(*) as unread from ${ownSource} where ${isOwn} and n.read_at is null and r.read_at is null
         ) u
         left join lateral (
           select ${ownColumns} from ${ownSource} where ${isOwn} order by n.created_at desc, n.id desc limit $3
         ) n on true
         where t.name = $2 order by n.created_at desc, n.id desc`,
        [userId, inboxTopic(userId), newestCount + 1],
      )
      const [first] = rows
      if (first === undefined) return null
      const newest = rows.filter(isWhole).map((row) => toNotification(row, userId))
      const hasMore = newest.length > newestCount
      return { seq: first.seq, state: { unreadCount: first.unread, newest: newest.slice(0, newestCount), hasMore } }
    },
    markRead: (userId, ids) =>
      withTransaction(database, async (client) => {
        await lockInbox(client, userId)
        const { rows } = await client.query<{ id: string }>(
          `with own as (
             update studio.notification set read_at = clock_timestamp()
             where user_id = $1 and read_at is null and ($2::text[] is null or id = any($2::text[])) returning id
           ),
           everyones as (
             insert into studio.broadcast_read (user_id, notification_id)
             select $1, id from studio.notification
             where user_id is null and expires_at > now() and ($2::text[] is null or id = any($2::text[]))
             on conflict do nothing returning notification_id as id
           )
           select id from own union all select id from everyones`,
          [userId, ids === 'all' ? null : ids],
        )
        const unread = (await countUnread(client, [userId])).get(userId) ?? 0
        if (rows.length > 0)
          await appendToInbox({ appender, client }, userId, 'NotificationsRead', {
            ids: rows.map(({ id }) => id),
            unreadCount: unread,
          })
        return { count: rows.length, unread }
      }),
    prune: () => pruneNotifications({ database, appender }),
  }
}

/** An inbox without notifications yields one row that has only the counts. */
function isWhole<R extends Partial<NotificationRow>>(row: R): row is R & NotificationRow {
  return typeof row.id === 'string'
}
