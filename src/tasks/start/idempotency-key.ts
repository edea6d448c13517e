import { createHash } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import { TidingsError } from '../../errors.ts'
import { isStorable, unstorable } from '../model/storable.ts'
import type { StartRequest } from './start-request.ts'

/**
 * Maximum length of an idempotency key in characters: with its owner, it has to fit into an index
 * entry of 2,704 bytes.
 */
const maxKeyCharacters = 255

/** The location of the key in the arguments of a mutation: the path of the issue. */
type KeyPath = 'idempotencyKey' | 'input.idempotencyKey' | 'input.clientId'

/** Creates the error for a key that was used with a different input. */
export function keyReused(path: KeyPath, message: string): TidingsError {
  return new TidingsError('IDEMPOTENCY_KEY_REUSED', message, { issues: [{ path, message }] })
}

/** Rejects values that cannot be stored as an idempotency key. @throws TidingsError `BAD_INPUT` */
export function checkIdempotencyKey(key: string | undefined, path: KeyPath = 'idempotencyKey'): void {
  if (key === undefined) return
  const message = !isStorable(key)
    ? unstorable
    : key.length > maxKeyCharacters
      ? `has ${key.length} characters; at most ${maxKeyCharacters} are taken`
      : null
  if (message === null) return
  const issues = [{ path, message }]
  throw new TidingsError('BAD_INPUT', `The idempotency key ${message}`, { issues })
}

/**
 * Returns the id of the task recorded for the request's idempotency key; null when the request has no
 * key or the key is new.
 *
 * @param keptHours - how long a key is kept
 * @throws TidingsError `IDEMPOTENCY_KEY_REUSED`
 */
export async function findTaskOfKey(
  client: Pool | PoolClient,
  request: StartRequest,
  keptHours: number,
): Promise<string | null> {
  const { owner, idempotencyKey } = request
  if (idempotencyKey === undefined) return null
  // Also the keys of recently deleted tasks, see erase.ts.
  const { rows } = await client.query<{ digest: string; task_id: string }>(
    `select digest, task_id from idempotency
     where owner in ($1, 'erased ' || hashtextextended($1, 0)) and key = $2 and created_at > now() - $3 * interval '1 hour'`,
    [owner, idempotencyKey, keptHours],
  )
  const existing = rows[0]
  if (existing === undefined) return null
  if (existing.digest !== digestOf(request))
    throw keyReused(
      'idempotencyKey',
      `The idempotency key "${idempotencyKey}" was used for another request less than ${keptHours} hours ago; use a new key for a new request`,
    )
  return existing.task_id
}

/** Records the task for the request's idempotency key. */
export async function recordKey(client: PoolClient, request: StartRequest, taskId: string): Promise<void> {
  const { owner, idempotencyKey } = request
  if (idempotencyKey === undefined) return
  await client.query(
    `insert into idempotency (owner, key, digest, task_id, created_at) values ($1, $2, $3, $4, clock_timestamp())
     on conflict (owner, key) do update
       set digest = excluded.digest, task_id = excluded.task_id, created_at = excluded.created_at`,
    [owner, idempotencyKey, digestOf(request), taskId],
  )
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
