import { createHash } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import type { JsonObject } from '../../db/tables.ts'
import { TidingsError } from '../../errors.ts'
import { keyReused } from './idempotency-key.ts'

/** A request to start a task. */
export interface StartRequest {
  readonly kind: string
  /** Validated against the definition's schema. */
  readonly input: JsonObject
  readonly owner: string
  /** A repeated request with the same key within the retention of keys returns the same task. */
  readonly idempotencyKey?: string | undefined
  /**
   * The priority boost: the time by which the task is moved forward in the queue. Causes no
   * starvation. Default 0.
   */
  readonly headStartMs?: number
  readonly retryOf?: string
  /** The subject of the retried task. */
  readonly retriedSubject?: string | null
}

/** Admission control: decides whether a start is new, a repetition, or exceeds the rate limit. */
interface Admission {
  /**
   * Returns the id of the task recorded for the request's idempotency key; null when the request
   * has no key or the key is new.
   * @throws TidingsError `IDEMPOTENCY_KEY_REUSED`
   */
  find(client: Pool | PoolClient, request: StartRequest): Promise<string | null>
  /**
   * Serializes the starts of one owner until the end of the transaction, across all servers: of
   * concurrent requests with the same key, exactly one is new, and limits are exact.
   */
  lock(client: PoolClient, owner: string): Promise<void>
  /** @throws TidingsError `RATE_LIMITED` with `retryAfterMs` */
  checkRate(client: Pool | PoolClient, owner: string): Promise<void>
  /** Records the task for the request's idempotency key. */
  note(client: PoolClient, request: StartRequest, taskId: string): Promise<void>
}

/** Creates the admission control. */
export function createAdmission(options: {
  readonly maxStartsPerMinute: number
  readonly idempotencyHours: number
}): Admission {
  const { maxStartsPerMinute, idempotencyHours } = options
  return {
    async find(client, request) {
      const { owner, idempotencyKey } = request
      if (idempotencyKey === undefined) return null
      // Also the keys of recently deleted tasks, see erase.ts.
      const { rows } = await client.query<{ digest: string; task_id: string }>(
        `select digest, task_id from idempotency
         where owner in ($1, 'erased ' || hashtextextended($1, 0)) and key = $2 and created_at > now() - $3 * interval '1 hour'`,
        [owner, idempotencyKey, idempotencyHours],
      )
      const existing = rows[0]
      if (existing === undefined) return null
      if (existing.digest !== digestOf(request))
        throw keyReused(
          'idempotencyKey',
          `The idempotency key "${idempotencyKey}" was used for another request less than ${idempotencyHours} hours ago; use a new key for a new request`,
        )
      return existing.task_id
    },
    async lock(client, owner) {
      await client.query(`select pg_advisory_xact_lock(hashtextextended('tidings start ' || $1, 0))`, [owner])
    },
    // Starts are counted from the tasks themselves, so the limit holds across servers and restarts;
    // also from those that were deleted since, or deleting would lift the limit.
    // The count uses the statement's time: a time that may change while the statement runs cannot
    // be looked up in an index.
    async checkRate(client, owner) {
      const { rows } = await client.query<{ count: number; retryAfterMs: number | null }>(
        `select count(*)::int as count,
           ceil(extract(epoch from min(created_at) + interval '1 minute' - clock_timestamp()) * 1000)::int as "retryAfterMs"
         from (
           (select created_at from task where owner = $1 and created_at > statement_timestamp() - interval '1 minute'
            order by created_at desc limit $2)
           union all
           (select created_at from task where owner = '' and erased_owner = hashtextextended($1, 0)
              and created_at > statement_timestamp() - interval '1 minute'
            order by created_at desc limit $2)
           order by created_at desc limit $2
         ) last`,
        [owner, maxStartsPerMinute],
      )
      const { count, retryAfterMs } = rows[0] ?? { count: 0, retryAfterMs: null }
      if (count < maxStartsPerMinute || retryAfterMs === null) return
      throw new TidingsError(
        'RATE_LIMITED',
        `At most ${maxStartsPerMinute} tasks can be started in a minute; try again in ${Math.ceil(retryAfterMs / 1000)} s`,
        { retryAfterMs: Math.max(1, retryAfterMs) },
      )
    },
    async note(client, request, taskId) {
      const { owner, idempotencyKey } = request
      if (idempotencyKey === undefined) return
      await client.query(
        `insert into idempotency (owner, key, digest, task_id, created_at) values ($1, $2, $3, $4, clock_timestamp())
         on conflict (owner, key) do update
           set digest = excluded.digest, task_id = excluded.task_id, created_at = excluded.created_at`,
        [owner, idempotencyKey, digestOf(request), taskId],
      )
    },
  }
}

/**
 * Returns the digest that identifies equal requests: the kind, the input regardless of field order,
 * and the retried task.
 */
function digestOf({ kind, input, retryOf }: StartRequest): string {
  const canonicalJson = JSON.stringify([kind, input, retryOf ?? null], (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(canonicalJson).digest('base64url')
}
