import type { PoolClient } from 'pg'
import { afterCommit } from '../db/connect.ts'
import type { Appender } from './append.ts'
import type { Appended, AppendUnit } from './append-unit.ts'

/** What of an appender is needed to tell something in a transaction of somebody's own. */
export type Telling = Pick<Appender, 'appendIn' | 'publish'>

/**
 * Appends in the transaction that `client` is in, and publishes what was accepted once it has committed. Of a transaction that is rolled
 * back nobody hears.
 *
 * @throws Error when the client is in no transaction of `withTransaction`
 */
export async function tellIn(appender: Telling, client: PoolClient, unit: AppendUnit): Promise<Appended> {
  const appended = await appender.appendIn(client, unit)
  if (appended.accepted) afterCommit(client, () => appender.publish(appended.events))
  return appended
}
