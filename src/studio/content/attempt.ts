import { createHash } from 'node:crypto'
import { FinalError, RetryableError } from '../../engine.ts'
import { ContentError } from './provider.ts'

/**
 * Converts a provider's failure to a task failure; a transient one is retried. Any other error is
 * returned unchanged.
 */
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

/** Derives a provider's seed: the same words give the same seed, so results are reproducible. */
export function seedOf(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join('#')).digest().readUInt32BE(0)
}
