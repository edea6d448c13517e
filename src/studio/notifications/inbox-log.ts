import type { PoolClient } from 'pg'
import {
  type Appender,
  type AppendResult,
  afterCommit,
  appendInTransaction,
  createTopic,
  type JsonObject,
  TidingsError,
} from '../../engine.ts'
import { type InboxEventType, inboxTopic } from './notification.ts'

/*
 * The steps of an inbox change, inside a transaction. The invariant that keeps log and tables
 * consistent: every change of a user's notifications or read marks is made under the lock of that
 * user's topic, which is taken first. One transaction changes one inbox, or all of them.
 */

/**
 * Held shared while an inbox is created, exclusively while all inboxes are changed, so that no
 * inbox is created in between.
 */
const registryLock = [0x696e6278, 1] as const

/** Ensures that a user's inbox exists, and locks it until the end of the transaction. */
export async function lockInbox(client: PoolClient, userId: string): Promise<void> {
  await ensureInbox(client, userId)
  await client.query('select from tidings.topic where name = $1 for no key update', [inboxTopic(userId)])
}

/** Ensures that a user's inbox exists. */
export async function ensureInbox(client: Pick<PoolClient, 'query'>, userId: string): Promise<void> {
  const { rowCount } = await client.query('select from studio.inbox where user_id = $1', [userId])
  if (rowCount !== 0) return
  await client.query('select pg_advisory_xact_lock_shared($1, $2)', [...registryLock])
  await client.query('insert into studio.inbox (user_id) values ($1) on conflict do nothing', [userId])
  await createTopic(client, inboxTopic(userId))
}

/**
 * Locks all inboxes, and the creation of inboxes, until the end of the transaction.
 * @returns the ids of their users
 */
export async function lockAllInboxes(client: PoolClient): Promise<readonly string[]> {
  await client.query('select pg_advisory_xact_lock($1, $2)', [...registryLock])
  // In the order in which appends lock topics.
  const { rows } = await client.query<{ user_id: string }>(
    `select i.user_id from studio.inbox i join tidings.topic t on t.name = 'inbox:' || i.user_id order by t.name for no key update of t`,
  )
  return rows.map((row) => row.user_id)
}

/** Counts the unread notifications of each user. */
export async function countUnread(
  client: Pick<PoolClient, 'query'>,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ user_id: string; count: number }>(
    `select u.user_id, own.count + everyones.count as count from unnest($1::text[]) as u(user_id)
     cross join lateral (
       select count(*) from studio.notification where user_id = u.user_id and read_at is null and expires_at > now()
     ) own
     cross join lateral (
       select count(*) from studio.notification n where n.user_id is null and n.expires_at > now()
         and not exists (select from studio.broadcast_read where user_id = u.user_id and notification_id = n.id)
     ) everyones`,
    [userIds],
  )
  return new Map(rows.map((row) => [row.user_id, row.count]))
}

/** Appends an event to a user's topic; it is published when the transaction has committed. */
export async function appendToInbox(
  { appender, client }: { readonly appender: Appender; readonly client: PoolClient },
  userId: string,
  type: InboxEventType,
  payload: JsonObject,
): Promise<void> {
  requireAccepted(
    await appendInTransaction(appender, client, { topic: inboxTopic(userId), events: [{ type, payload }] }),
    userId,
  )
}

/** Number of topics per append statement. */
const usersPerStatement = 500

/** Appends an event to the topics of many users, each with that user's unread count. */
export async function tellAll(
  { appender, client }: { readonly appender: Appender; readonly client: PoolClient },
  userIds: readonly string[],
  type: InboxEventType,
  payload: JsonObject,
): Promise<void> {
  for (let at = 0; at < userIds.length; at += usersPerStatement) {
    const page = userIds.slice(at, at + usersPerStatement)
    const unread = await countUnread(client, page)
    const results = await appender.appendManyIn(
      client,
      page.map((userId) => ({
        topic: inboxTopic(userId),
        events: [{ type, payload: { ...payload, unreadCount: unread.get(userId) ?? 0 } }],
      })),
    )
    const accepted = page.map((userId, index) => requireAccepted(results[index], userId))
    afterCommit(client, () => {
      for (const { events, epoch } of accepted) appender.publish(events, epoch)
    })
  }
}

function requireAccepted(result: AppendResult | undefined, userId: string): Extract<AppendResult, { accepted: true }> {
  if (result?.accepted === true) return result
  throw new TidingsError('UNAVAILABLE', `The inbox of "${userId}" could not be written to`)
}
