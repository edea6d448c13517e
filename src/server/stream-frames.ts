import type { ExecutionResult } from 'graphql'
import { serialisedOf } from '../live/stream-outlet.ts'
import { formatResult } from './mask.ts'

/** A part of an event stream: its text, or the reason why the stream is cut here, for its client to resume. */
export type Frame = { readonly text: string; readonly isComplete?: true } | { readonly cut: string }

/** Yields the frames of an event stream. `return()` takes effect at once, even while `next()` waits. */
export type Frames = Pick<AsyncIterator<Frame, undefined>, 'next'> & { return(): void }

/** Why a stream is cut of which an operation cannot be served now. */
export const unavailable = 'the server cannot serve this now; connect again'

/** A result as JSON. */
export function toText(result: ExecutionResult): string {
  return serialisedOf(result) ?? JSON.stringify(formatResult(result))
}
