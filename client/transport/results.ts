import { createEventStreamParser, type ServerSentEvent } from './event-stream.ts'
import type { StreamResult, Subscriber } from './transport.ts'

/** How a stream of results ended. */
type ResultsEnd =
  /** The server completed it. */
  | 'complete'
  /** The subscriber has received its terminal result. */
  | 'last'
  /** The stream was cut off, or the server ended it without completing it. */
  | 'broken'

/**
 * Reads an event stream of results, in the format of GraphQL over SSE, and passes them on.
 *
 * @param onBytes - called for all data that arrives, including comments
 * @throws the error of reading the body, and SyntaxError for data that is not JSON
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

/**
 * Yields the events of a body, once per chunk that arrives; an empty list for a chunk that
 * completes no event.
 */
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
    // The rest of the stream is not needed, and neither is the outcome of canceling it.
    reader.cancel().catch(() => undefined)
  }
}

/** Whether a response is an event stream. */
export function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') === true
}

/**
 * Returns the errors of a response that is one JSON result, where the request itself was refused;
 * otherwise null.
 */
export async function readRefusal(response: Response): Promise<StreamResult | null> {
  if (response.headers.get('content-type')?.includes('json') !== true) return null
  try {
    const result = (await response.json()) as StreamResult | null
    return Array.isArray(result?.errors) ? result : null
  } catch {
    // Not JSON despite its content type: an intermediary responded.
    return null
  }
}
