import type { PoolClient } from 'pg'
import { type Appender, type Database, withTransaction } from '../../engine.ts'
import { appendToInbox, countUnread, lockAllInboxes, lockInbox, tellAll } from './inbox-log.ts'

interface Parts {
  readonly database: Database
  readonly appender: Appender
}

/** Number of users' inboxes per query. */
const usersPerLook = 200

/**
 * Removes expired notifications, user by user, and notifies subscribers. Several processes may run
 * it concurrently.
 * @returns the number removed
 */
export async function pruneNotifications(parts: Parts): Promise<number> {
  let count = await removeForEveryone(parts)
  for (;;) {
    const { rows } = await parts.database.pool.query<{ user_id: string }>(
      'select distinct user_id from studio.notification where user_id is not null and expires_at < now() limit $1',
      [usersPerLook],
    )
    for (const row of rows) count += await removeFor(parts, row.user_id)
    if (rows.length < usersPerLook) return count
  }
}

function removeFor({ database, appender }: Parts, userId: string): Promise<number> {
  return withTransaction(database, async (client) => {
    await lockInbox(client, userId)
    const ids = await remove(client, userId)
    if (ids.length === 0) return 0
    const unread = await countUnread(client, [userId])
    await appendToInbox({ appender, client }, userId, 'NotificationsRemoved', {
      ids,
      unreadCount: unread.get(userId) ?? 0,
    })
    return ids.length
  })
}

async function removeForEveryone({ database, appender }: Parts): Promise<number> {
  const { rowCount } = await database.pool.query(
    'select from studio.notification where user_id is null and expires_at < now() limit 1',
  )
  if (rowCount === 0) return 0
  return withTransaction(database, async (client) => {
    const users = await lockAllInboxes(client)
    const ids = await remove(client, null)
    if (ids.length > 0) await tellAll({ appender, client }, users, 'NotificationsRemoved', { ids })
    return ids.length
  })
}

async function remove(client: PoolClient, userId: string | null): Promise<readonly string[]> {
  const { rows } = await client.query<{ id: string }>(
    'delete from studio.notification where user_id is not distinct from $1 and expires_at < now() returning id',
    [userId],
  )
  return rows.map(({ id }) => id)
}
