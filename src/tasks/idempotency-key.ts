import { TidingsError } from '../errors.ts'
import { isStorable, unstorable } from './storable.ts'

/** Most characters of an idempotency key: beside its owner it has to fit into an entry of an index, of 2,704 bytes. */
const maxKeyCharacters = 255

/** Refuses what cannot be kept as an idempotency key. @throws TidingsError `BAD_INPUT` */
export function checkIdempotencyKey(key: string | undefined): void {
  if (key === undefined) return
  const message = !isStorable(key)
    ? unstorable
    : key.length > maxKeyCharacters
      ? `has ${key.length} characters; at most ${maxKeyCharacters} are taken`
      : null
  if (message === null) return
  const issues = [{ path: 'idempotencyKey', message }]
  throw new TidingsError('BAD_INPUT', `The idempotency key ${message}`, { issues })
}
