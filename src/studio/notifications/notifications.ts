import type { PoolClient } from 'pg'
import { typeid } from 'typeid-js'
import { afterCommit, type Database, withTransaction } from '../../db/connect.ts'
import type { Appender } from '../../log/append.ts'
import { keyReused } from '../../tasks/idempotency-key.ts'
import { countUnread, ensureInbox, lockAllInboxes, lockInbox, tell, tellAll } from './inbox-log.ts'
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
 * Called with each new notification once it is committed, in the process that made it; `to` is null when it is for everyone. This is where
 * another way of delivery, such as web push, is to be hung on. It must not throw, and is not waited for.
 */
export type Deliver = (notification: Omit<Notification, 'recipient'>, to: string | null) => void

/** The inboxes of all users. What changes in one is told in its topic, `inbox:<user>`, in the same transaction. */
export interface Notifications {
  /** Makes sure of a user's inbox, so that its topic can be followed. */
  open(userId: string): Promise<void>
  /**
   * Tells one user.
   *
   * @returns as the user has it, and whether it is new: not when its key was used before
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when the key was used for another notification
   */
  notify(userId: string, draft: Draft): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /**
   * The same in the caller's transaction, which must not tell anybody else. Returns what the key was used for before, also when that is
   * another notification: the transaction may be what ends a task, which must not fail by this.
   */
  notifyIn(
    client: PoolClient,
    userId: string,
    draft: Draft,
  ): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /**
   * Tells everyone, those included who come later.
   *
   * @returns as `teller` has it
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED` when the key was used for another notification
   */
  notifyEveryone(
    teller: string,
    draft: Draft,
  ): Promise<{ readonly notification: Notification; readonly isNew: boolean }>
  /** A user's notifications that have not expired, newest first. */
  list(options: {
    readonly userId: string
    readonly isUnread?: boolean | undefined
    readonly before?: { readonly createdAt: Date; readonly id: string } | undefined
    readonly limit: number
  }): Promise<readonly Notification[]>
  /** A user's own, in the order of `ids`; null where there is none that this user has. */
  getMany(userId: string, ids: readonly string[]): Promise<readonly (Notification | null)[]>
  unreadCount(userId: string): Promise<number>
  /** What a user has now, and the seq of the topic it is true at; null when the inbox was never opened. */
  snapshot(userId: string): Promise<{ readonly seq: number; readonly state: InboxState } | null>
  /** Marks as read: those of `ids` that the user has and has not read, or all. @returns how many that were, and are left */
  markRead(userId: string, ids: readonly string[] | 'all'): Promise<{ readonly count: number; readonly unread: number }>
  /** Removes what has expired, and tells those who watch. @returns how many */
  prune(): Promise<number>
}

const newestCount = 20
/** What a user has: `$1`. */
const ownSource = `notification n left join broadcast_read r on r.user_id = $1 and r.notification_id = n.id`
const ownColumns = `${notificationColumns}, coalesce(n.read_at, r.read_at) as read_at`
const isOwn = `(n.user_id = $1 or n.user_id is null) and n.expires_at > now()`

/**
 * Creates the store.
 *
 * @param options.keptDays - when a notification expires that does not say so itself; default 30
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
      `insert into notification as n (id, user_id, level, title, message, about_id, made_key, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, now() + $9::float8 * interval '1 day'))
       on conflict (made_key) do nothing returning ${notificationColumns}, n.read_at`,
      [typeid('notification').toString(), userId, level, title, message, aboutId, key, expiresAt, keptDays],
    )
    return rows[0]
  }
  /** What was told with the key before. It stays after it has expired, until it is pruned. */
  const known = async (client: PoolClient, recipient: string, key: string | undefined): Promise<Notification> => {
    const { rows } = await client.query<NotificationRow>(
      `select ${ownColumns} from ${ownSource} where n.made_key = $2`,
      [recipient, key],
    )
    const [row] = rows
    if (row === undefined) throw new Error(`The notification of the key "${key}" was removed just now; send it again`)
    return toNotification(row, recipient)
  }
  /** @param userId - null when it is for everyone */
  const refuseAnother = async (client: PoolClient, userId: string | null, draft: Draft): Promise<void> => {
    const { level, title, message = null, aboutId = null, expiresAt = null, key } = draft
    // Without a time of its own it expires when the default says, give or take the moment between the two clocks.
    const { rowCount } = await client.query(
      `select from notification n where made_key = $1
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
  const delivered = (client: PoolClient, { recipient: _, ...notification }: Notification, to: string | null): void => {
    if (deliver !== undefined) afterCommit(client, () => deliver(notification, to))
  }

  const notifyIn: Notifications['notifyIn'] = async (client, userId, draft) => {
    await lockInbox(client, userId)
    const row = await insert(client, userId, draft)
    if (row === undefined) return { notification: await known(client, userId, draft.key), isNew: false }
    const notification = toNotification(row, userId)
    const unread = await countUnread(client, [userId])
    await tell({ appender, client }, userId, 'NotificationArrived', {
      notification: toPayload(notification),
      unreadCount: unread.get(userId) ?? 0,
    })
    delivered(client, notification, userId)
    return { notification, isNew: true }
  }

  return {
    open: (userId) => withTransaction(database, (client) => ensureInbox(client, userId)),
    notify: (userId, draft) =>
      withTransaction(database, async (client) => {
        const notified = await notifyIn(client, userId, draft)
        if (!notified.isNew) await refuseAnother(client, userId, draft)
        return notified
      }),
    notifyIn,
    notifyEveryone: (teller, draft) =>
      withTransaction(database, async (client) => {
        const users = await lockAllInboxes(client)
        const row = await insert(client, null, draft)
        if (row === undefined) {
          await refuseAnother(client, null, draft)
          return { notification: await known(client, teller, draft.key), isNew: false }
        }
        const notification = toNotification(row, teller)
        await tellAll({ appender, client }, users, 'NotificationArrived', { notification: toPayload(notification) })
        delivered(client, notification, null)
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
      // One statement, so that all of it is of one moment.
      const { rows } = await pool.query<Partial<NotificationRow> & { seq: number; unread: number }>(
        `select t.seq, u.unread, n.* from topic t
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
             update notification set read_at = clock_timestamp()
             where user_id = $1 and read_at is null and ($2::text[] is null or id = any($2::text[])) returning id
           ),
           everyones as (
             insert into broadcast_read (user_id, notification_id)
             select $1, id from notification
             where user_id is null and expires_at > now() and ($2::text[] is null or id = any($2::text[]))
             on conflict do nothing returning notification_id as id
           )
           select id from own union all select id from everyones`,
          [userId, ids === 'all' ? null : ids],
        )
        const unread = (await countUnread(client, [userId])).get(userId) ?? 0
        if (rows.length > 0)
          await tell({ appender, client }, userId, 'NotificationsRead', {
            ids: rows.map(({ id }) => id),
            unreadCount: unread,
          })
        return { count: rows.length, unread }
      }),
    prune: () => pruneNotifications({ database, appender }),
  }
}

/** Of an inbox without notifications there is one row, with nothing but the counts. */
function isWhole<R extends Partial<NotificationRow>>(row: R): row is R & NotificationRow {
  return typeof row.id === 'string'
}
