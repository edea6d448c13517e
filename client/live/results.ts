import { createEventStreamParser, type ServerSentEvent } from './event-stream.ts'
import type { StreamResult, Subscriber } from './transport.ts'

/** How an answer with results came to its end. */
export type ResultsEnd =
  /** The server said that this was all. */
  | 'complete'
  /** The subscriber has what it wanted. */
  | 'last'
  /** The stream broke off, or the server ended it without saying that this was all. */
  | 'broken'

/**
 * Reads an event stream of results, as GraphQL over SSE has them, and hands them on.
 *
 * @param onBytes - called for whatever comes, also for comments
 * @throws what reading the body throws, and SyntaxError for data that is not JSON
 */
export async function readResults(
  body: ReadableStream<Uint8Array>,
  subscriber: Pick<Subscriber, 'next'>,
  onBytes: () => void,
): Promise<ResultsEnd> {
  for await (const events of readEvents(body)) {
    onBytes()
    for (const { type, data } of events) {
      if (type === 'complete') return 'complete'
      if (type === 'next' && subscriber.next(JSON.parse(data) as StreamResult)) return 'last'
    }
  }
  return 'broken'
}

/** Yields the events of a body, for each piece of it that arrives; none for a piece that completes no event. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly ServerSentEvent[], void> {
  const parser = createEventStreamParser()
  const decoder = new TextDecoder()
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    // The rest of the stream is of no interest, and neither is whether the other end has heard that.
    reader.cancel().catch(() => undefined)
  }
}

/** Whether an answer is a stream of results. */
export function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') === true
}

/** The errors of an answer that is one JSON result, where the request itself was refused; null when it is anything else. */
export async function readRefusal(response: Response): Promise<StreamResult | null> {
  if (response.headers.get('content-type')?.includes('json') !== true) return null
  try {
    const result = (await response.json()) as StreamResult | null
    return Array.isArray(result?.errors) ? result : null
  } catch {
    // Said to be JSON and is not: something in between answered.
    return null
  }
}
