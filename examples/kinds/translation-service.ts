import { setTimeout as delay } from 'node:timers/promises'

/** The answer of a service that has too many requests. */
export interface Busy {
  readonly busyUntil: string
}

/** Stands for a service that returns a translation piece by piece. */
export async function* translate(
  text: string,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<string | Busy> {
  for (const word of text.split(' ')) {
    await delay(20, undefined, { signal })
    yield `${word.toUpperCase()} `
  }
}
