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

/** Creates the error for the key of a start that was used with a different one. */
export function createKeyReused(idempotencyKey: string | undefined, keptHours: number): TidingsError {
  return keyReused(
    'idempotencyKey',
    `The idempotency key "${idempotencyKey}" was used for another request less than ${keptHours} hours ago; use a new key for a new request`,
  )
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
  const { rows } = await client.query<{ id: string; isSame: boolean }>(
    'select task_id as id, is_same as "isSame" from tidings.task_of_key($1)',
    [JSON.stringify({ owner, idempotencyKey, digest: digestOf(request), keptHours })],
  )
  const existing = rows[0]
  if (existing === undefined) return null
  if (!existing.isSame) throw createKeyReused(idempotencyKey, keptHours)
  return existing.id
}

/**
 * Returns the digest that identifies equal requests: the kind, the input regardless of field order,
 * and the retried task.
 */
export function digestOf({ kind, input, retryOf }: Pick<StartRequest, 'kind' | 'input' | 'retryOf'>): string {
  const canonicalJson = JSON.stringify([kind, input, retryOf ?? null], (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(canonicalJson).digest('base64url')
}
