import { randomBytes } from 'node:crypto'
import type { Database } from './connect.ts'

/**
 * Starts a new epoch of the log: every cursor issued before is answered with a snapshot, reason
 * `RESET`. Use it after restoring a backup. Servers do so automatically when they detect that the
 * log went back, but only later.
 *
 * @param expectedEpoch - renews only while this is the current epoch, so that of several servers
 *   that detect the same reset only one renews it
 * @returns the current epoch, new or not
 */
export async function renewEpoch(database: Pick<Database, 'pool'>, expectedEpoch?: string): Promise<string> {
  await database.pool.query(
    `update tidings.meta set value = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8)
     where key = 'epoch' and value = coalesce($1, value)`,
    [expectedEpoch ?? null],
  )
  const { rows } = await database.pool.query<{ value: string }>(`select value from tidings.meta where key = 'epoch'`)
  const epoch = rows[0]?.value
  if (epoch === undefined) throw new Error('The database has no epoch: was it migrated?')
  return epoch
}

/**
 * Reads the name under which the servers of this database find each other on the bus. It is the
 * first epoch that a server saw and does not change when servers renew the epoch: otherwise servers
 * that have not noticed yet would be on another bus. {@link forgetBusName} resets it.
 */
export async function readBusName(database: Pick<Database, 'pool'>): Promise<string> {
  await database.pool.query(
    `insert into tidings.meta (key, value) select 'bus', value from tidings.meta where key = 'epoch' on conflict (key) do nothing`,
  )
  const { rows } = await database.pool.query<{ value: string }>(`select value from tidings.meta where key = 'bus'`)
  const name = rows[0]?.value
  if (name === undefined) throw new Error('The database has no epoch: was it migrated?')
  return name
}

/**
 * Reads the key with which the servers of this database sign their messages on the bus; creates it
 * for the first server. A process that can read it can also change the events themselves.
 */
export async function readBusKey(database: Pick<Database, 'pool'>): Promise<string> {
  const created = randomBytes(32).toString('base64url')
  const { rows } = await database.pool.query<{ value: string }>(
    `insert into tidings.meta (key, value) values ('bus key', $1) on conflict (key) do update set value = meta.value
     returning value`,
    [created],
  )
  return rows[0]?.value ?? created
}

/**
 * Resets the bus name and its key, so that servers started from now on choose others, as a copy of
 * a database requires. No server may be running.
 */
export async function forgetBusName(database: Pick<Database, 'pool'>): Promise<void> {
  await database.pool.query(`delete from tidings.meta where key in ('bus', 'bus key')`)
}
