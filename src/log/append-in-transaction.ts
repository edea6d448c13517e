import type { PoolClient } from 'pg'
import { afterCommit } from '../db/connect.ts'
import type { Appender } from './append.ts'
import type { AppendRequest, AppendResult } from './append-request.ts'

/** The part of an appender needed to append in a caller's transaction. */
export type TransactionalAppender = Pick<Appender, 'appendIn' | 'publish'>

/**
 * Appends in the transaction that `client` is in, and publishes the accepted events once it has
 * committed. If the transaction is rolled back, nothing is published.
 *
 * @throws Error if the client is not in a transaction of `withTransaction`
 *
 * @example
 * await withTransaction(database, async (client) => {
 *   await client.query('update article set title = $2 where id = $1', [id, title])
 *   await appendInTransaction(appender, client, { topic: `article:${id}`, events: [{ type: 'TitleChanged', payload: { title } }] })
 * })
 */
export async function appendInTransaction(
  appender: TransactionalAppender,
  client: PoolClient,
  request: AppendRequest,
): Promise<AppendResult> {
  const result = await appender.appendIn(client, request)
  if (result.accepted) afterCommit(client, () => appender.publish(result.events, result.epoch))
  return result
}
