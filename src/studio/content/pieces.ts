import { setTimeout as sleep } from 'node:timers/promises'
import { interruptible } from '../../async/index.ts'

/**
 * Gives a generator of pieces the behaviour that the port requires: it starts with the first
 * `next()`, ends immediately when the caller leaves, and rejects with the signal's reason once the
 * signal is aborted.
 *
 * @param run - yields pieces; must release what it waits for when its signal aborts
 */
export function createPieces(
  signal: AbortSignal,
  run: (signal: AbortSignal) => AsyncGenerator<string, void, undefined>,
): AsyncIterable<string> {
  return interruptible(async function* (returnSignal) {
    signal.throwIfAborted()
    try {
      for await (const piece of run(AbortSignal.any([signal, returnSignal]))) {
        signal.throwIfAborted()
        if (piece !== '') yield piece
      }
    } catch (error) {
      // Any failure caused by the abort is replaced with the signal's reason.
      signal.throwIfAborted()
      throw error
    }
    signal.throwIfAborted()
  })
}

/**
 * Splits Markdown into lines, and long lines approximately into sentences; joined they give the
 * original text.
 */
export function cutIntoPieces(markdown: string): string[] {
  return markdown.match(/[^\n]{1,160}(?:[.!?:;,] |\n+|$)|[^\n]{1,160}(?: |$)|[^\n]{1,160}|\n+/g) ?? []
}

/** Yields pieces with a delay between them, so that a person can watch; `delayMs` 0 disables it. */
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
