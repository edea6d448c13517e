import { TidingsError } from '../../errors.ts'
import { isStorable, unstorable } from '../model/storable.ts'
import type { TaskDefinition } from '../model/task-definition.ts'
import { checkIdempotencyKey } from './idempotency-key.ts'
import type { StartRequest } from './start-request.ts'

/**
 * Checks a request as far as the database is not needed.
 *
 * @returns the input as the kind reads it
 * @throws TidingsError `BAD_INPUT`
 */
export function checkStartRequest(
  definition: Pick<TaskDefinition, 'input'>,
  { kind, input, idempotencyKey }: StartRequest,
): unknown {
  const parsed = definition.input.safeParse(input)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }))
    throw new TidingsError(
      'BAD_INPUT',
      `The input of ${kind} does not fit: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
      { issues },
    )
  }
  // U+0000 and unpaired surrogates: replacing them silently would start a different task.
  if (!isStorable(input)) {
    const issues = [{ path: 'input', message: unstorable }]
    throw new TidingsError('BAD_INPUT', `The input ${unstorable}`, { issues })
  }
  checkIdempotencyKey(idempotencyKey)
  return parsed.data
}
