import type { Database } from './connect.ts'

/**
 * Begins another life of the log: every cursor given out before is answered with a snapshot, reason `RESET`.
 * To be called after a backup was restored, while no server runs, as servers read the epoch when they start.
 *
 * @returns the new epoch
 */
export async function renewEpoch(database: Pick<Database, 'pool'>): Promise<string> {
  const { rows } = await database.pool.query<{ value: string }>(
    `update meta set value = substr(replace(gen_random_uuid()::text, '-', ''), 1, 8) where key = 'epoch' returning value`,
  )
  const epoch = rows[0]?.value
  if (epoch === undefined) throw new Error('The database has no epoch: was it migrated?')
  return epoch
}
