import { setTimeout as sleep } from 'node:timers/promises'
import { interruptible } from '../../log/interruptible.ts'

/**
 * Gives a generator of pieces the manners that the port asks for: it starts with the first `next()`, ends at once when
 * the caller leaves, and rejects with the signal's reason once the signal is aborted.
 *
 * @param run - yields pieces; must let go of what it waits for when its signal aborts
 */
export function createPieces(
  signal: AbortSignal,
  run: (signal: AbortSignal) => AsyncGenerator<string, void, undefined>,
): AsyncIterable<string> {
  return interruptible(async function* (left) {
    signal.throwIfAborted()
    try {
      for await (const piece of run(AbortSignal.any([signal, left]))) {
        signal.throwIfAborted()
        if (piece !== '') yield piece
      }
    } catch (error) {
      // Whatever aborting made fail on the way, the caller is told why it was aborted.
      signal.throwIfAborted()
      throw error
    }
    signal.throwIfAborted()
  })
}

/** Cuts Markdown into lines, and long lines into sentences or thereabouts; joined they are the text again. */
export function cutIntoPieces(markdown: string): string[] {
  return markdown.match(/[^\n]{1,160}(?:[.!?:;,] |\n+|$)|[^\n]{1,160}(?: |$)|[^\n]{1,160}|\n+/g) ?? []
}

/** Yields pieces with a pause between them, so that a person can watch; `delayMs` 0 does not pause. */
export async function* paced(
  pieces: Iterable<string>,
  delayMs: number,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  let isFirst = true
  for (const piece of pieces) {
    if (!isFirst && delayMs > 0) await sleep(delayMs, undefined, { signal })
    isFirst = false
    yield piece
  }
}
