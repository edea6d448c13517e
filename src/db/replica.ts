import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { createBatchLoader } from '../async/batch-loader.ts'
import type { Logger } from '../logger.ts'
import { classifyDatabaseError } from './failure.ts'

/** Runs a read-only statement. */
export type Read = <R extends pg.QueryResultRow>(config: pg.QueryConfig) => Promise<pg.QueryResult<R>>

/** How long a read waits for the replica to replay what was committed before it. */
const longestLagMs = 100
const lookMs = 5
/** For how long reads go to the primary after the replica was too far behind, or could not be reached. */
const pauseMs = { behind: 1_000, away: 5_000 }

/**
 * Creates the reads of a database with a replica. A read runs on the replica once that has replayed everything that was committed
 * before the read began, on any server, so it is never older than a cursor or a write that its caller knows of. Otherwise it runs on
 * the primary: when the replica is more than 100 ms behind, has failed, was promoted, or follows another timeline.
 *
 * The primary is asked for its position instead of for rows; concurrent reads share that question.
 *
 * @param options.pool - of the primary
 * @param options.replica - pools of one replica (of several behind one address, another one might answer each statement): for the
 * reads, and for the question how far it is, with a short timeout
 */
export function createReplicaReads(options: {
  readonly pool: pg.Pool
  readonly replica: { readonly pool: pg.Pool; readonly probe: pg.Pool }
  readonly logger: Logger
}): Read {
  const { pool, replica, logger } = options
  let pausedUntil = 0
  let isUsed = true
  const note = (isUsable: boolean, reason: string): void => {
    if (!isUsable) pausedUntil = performance.now() + (reason === 'behind' ? pauseMs.behind : pauseMs.away)
    if (isUsable === isUsed) return
    isUsed = isUsable
    if (isUsable) logger.info('reading from the replica again')
    else logger.warn({ reason }, 'cannot read from the replica; reading from the primary')
  }

  /** Whether the replica has all that the primary has at this time. */
  const catchUp = async (): Promise<boolean> => {
    const { rows } = await pool.query<{ lsn: string; epoch: string }>({
      name: 'tidings-position',
      text: `select pg_current_wal_lsn()::text as lsn, value as epoch from tidings.meta where key = 'epoch'`,
    })
    const position = rows[0]
    const deadline = performance.now() + longestLagMs
    for (;;) {
      const answer = await replica.probe.query<{ is_there: boolean }>({
        name: 'tidings-replayed',
        text: `select pg_is_in_recovery() and pg_last_wal_replay_lsn() >= $1::pg_lsn
          and (select value = $2 from tidings.meta where key = 'epoch') as is_there`,
        values: [position?.lsn, position?.epoch],
      })
      if (answer.rows[0]?.is_there === true) return true
      if (performance.now() > deadline) return false
      await delay(lookMs)
    }
  }
  const isCurrent = createBatchLoader<null, boolean>(async (reads) => {
    const isThere = await catchUp()
    return reads.map(() => isThere)
  })

  return async (config) => {
    if (performance.now() < pausedUntil) return await pool.query(config)
    try {
      if (await isCurrent(null)) {
        const result = await replica.pool.query(config)
        note(true, '')
        return result as never
      }
      note(false, 'behind')
    } catch (error) {
      const failure = classifyDatabaseError(error)
      if (failure === null) throw error
      note(false, failure.cause)
    }
    return await pool.query(config)
  }
}
