import { createHash } from 'node:crypto'
import { FinalError, RetryableError } from '../../tasks/failure.ts'
import { ContentError } from './provider.ts'

/** The failure of a task for that of a provider: one that may pass is tried again. Anything else is handed back as it is. */
export function toTaskFailure(error: unknown): unknown {
  if (!(error instanceof ContentError)) return error
  const { code, message, advice, retryable, retryAfterMs } = error
  if (!retryable) return new FinalError(code, message, { advice, cause: error })
  return new RetryableError(code, message, {
    advice,
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** What a provider is asked to be reproducible by: the same words give the same seed. */
export function seedOf(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('#')).digest().readUInt32BE(0)
}
