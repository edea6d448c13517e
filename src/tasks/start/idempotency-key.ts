import { TidingsError } from '../../errors.ts'
import { isStorable, unstorable } from '../model/storable.ts'

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
