import type { ExecutionResult } from 'graphql'
import { serialisedOf } from '../../live/deliver/stream-sink.ts'
import { formatResult } from '../request/mask.ts'

/**
 * A part of an event stream: its text, or the reason for cutting the stream at this point, so that
 * its client resumes.
 */
export type Frame = { readonly text: string; readonly isComplete?: true } | { readonly cut: string }

/** Yields the frames of an event stream. `return()` takes effect at once, even while `next()` waits. */
export type Frames = Pick<AsyncIterator<Frame, undefined>, 'next'> & { return(): void }

/** The reason for cutting a stream when the server temporarily cannot serve one of its operations. */
export const unavailable = 'the server cannot serve this now; connect again'

/** Serializes a result as JSON. */
export function toText(result: ExecutionResult): string {
  return serialisedOf(result) ?? JSON.stringify(formatResult(result))
}
