import type { GraphqlBody } from '../support.ts'

/** One event of an event stream, or a comment. */
export type SseEvent = { readonly event: string; readonly data: string } | { readonly comment: string }

/** An event stream that is being read. Disposing cuts it. */
export interface SseStream extends AsyncDisposable {
  readonly response: Response
  /** Whether the body was aborted rather than ended, once it is over. */
  readonly isCut: boolean
  /** Returns the next event, skipping comments; null when the stream has ended. */
  next(): Promise<{ readonly event: string; readonly data: string } | null>
  /** Returns everything up to the end, comments included. */
  rest(): Promise<readonly SseEvent[]>
}

/** Opens an event stream with `fetch`. */
export async function openStream(
  url: string,
  query: string,
  options: { variables?: object; extensions?: object; headers?: Record<string, string> } = {},
): Promise<SseStream> {
  const { headers = {}, ...params } = options
  return openBody(url, { query, ...params }, headers)
}

/** Opens an event stream with any body. */
export async function openBody(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<SseStream> {
  const controller = new AbortController()
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify(body),
    signal: controller.signal,
  })
  let isCut = false
  if (response.body === null) throw new Error('The response has no body')
  const onCut = (): void => {
    isCut = true
  }
  const events = readEvents(readText(response.body, onCut))
  return {
    response,
    get isCut() {
      return isCut
    },
    async next() {
      for (;;) {
        const step = await events.next()
        if (step.done === true) return null
        if ('event' in step.value) return step.value
      }
    },
    rest: () => Array.fromAsync(events),
    [Symbol.asyncDispose]: async () => {
      controller.abort()
      await events.return().catch(() => undefined)
    },
  }
}

async function* readEvents(chunks: AsyncIterable<string>): AsyncGenerator<SseEvent, void, undefined> {
  let text = ''
  for await (const chunk of chunks) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end)
      text = text.slice(end + 2)
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim() ?? ''
      if (block.startsWith('retry:')) continue
      yield block.startsWith(':') ? { comment: block.slice(1).trim() } : { event: field('event'), data: field('data') }
    }
  }
}

/** Yields the text of a body up to its end, or to where it is aborted. Reads ahead: a body that breaks discards unread data. */
function readText(body: NonNullable<Response['body']>, onCut: () => void): AsyncGenerator<string, void, undefined> {
  const chunks: string[] = []
  let isOver = false
  let wake: () => void = () => undefined
  const read = async (): Promise<void> => {
    try {
      for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
        chunks.push(chunk)
        wake()
      }
    } catch (error) {
      // `fetch` throws this for an incomplete body.
      if (!(error instanceof TypeError)) throw error
      onCut()
    } finally {
      isOver = true
      wake()
    }
  }
  const reading = read()
  reading.catch(() => undefined)
  async function* take(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const chunk = chunks.shift()
      if (chunk !== undefined) yield chunk
      else if (isOver) return await reading
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return take()
}

/** Returns the GraphQL result in a `next` event. */
export function resultOf(event: { readonly data: string } | null): GraphqlBody {
  if (event === null) throw new Error('The stream ended')
  return JSON.parse(event.data) as GraphqlBody
}
