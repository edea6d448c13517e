import type { Database } from './connect.ts'

/**
 * Begins another life of the log: every cursor given out before is answered with a snapshot, reason `RESET`.
 * For after a backup was restored. Servers do so by themselves when they see that the log went back, which is later.
 *
 * @param seen - renews only while this is the epoch, so that of several servers that see the same one renews it
 * @returns the epoch, new or not
 */
export async function renewEpoch(database: Pick<Database, 'pool'>, seen?: string): Promise<string> {
  await database.pool.query(
    `update meta set value = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8)
     where key = 'epoch' and value = coalesce($1, value)`,
    [seen ?? null],
  )
  const { rows } = await database.pool.query<{ value: string }>(`select value from meta where key = 'epoch'`)
  const epoch = rows[0]?.value
  if (epoch === undefined) throw new Error('The database has no epoch: was it migrated?')
  return epoch
}

/**
 * Reads the name under which the servers of this database find each other on the bus. It is the first epoch that a server saw and stays
 * when servers renew the epoch: otherwise those that have not noticed yet would be on another bus. {@link forgetBusName} gives another one.
 */
export async function readBusName(database: Pick<Database, 'pool'>): Promise<string> {
  await database.pool.query(
    `insert into meta (key, value) select 'bus', value from meta where key = 'epoch' on conflict (key) do nothing`,
  )
  const { rows } = await database.pool.query<{ value: string }>(`select value from meta where key = 'bus'`)
  const name = rows[0]?.value
  if (name === undefined) throw new Error('The database has no epoch: was it migrated?')
  return name
}

/** Lets servers that start from now on take another name on the bus, as a copy of a database must have: no server may run. */
export async function forgetBusName(database: Pick<Database, 'pool'>): Promise<void> {
  await database.pool.query(`delete from meta where key = 'bus'`)
}
