import { ContentError } from '../provider.ts'

/** Limits the wait for a silent endpoint. */
export interface Silence {
  /** Waits for a promise, within the limit. */
  during<T>(promise: PromiseLike<T>): Promise<T>
  /** The error to report when silence ended the wait. */
  broken(): ContentError | undefined
}

/** The value that {@link readChunks} yields for `data: [DONE]`. */
export const done = Symbol('done')

/** Maximum length of an answer that is not streamed, and of one event of a streamed answer; characters. */
const maxBufferedCharacters = 10_000_000

/**
 * Reads the chunks of an answer: the events of a stream, or the single object of an answer that is
 * not streamed. The first character determines the format, not the content type, which nearly
 * compatible endpoints get wrong.
 *
 * @returns parsed JSON, not validated, and {@link done}
 * @throws ContentError `PROVIDER_REFUSED` for an HTML page; SyntaxError for malformed JSON
 */
export async function* readChunks(response: Response, silence: Silence): AsyncGenerator<unknown, void, undefined> {
  const { body } = response
  if (body === null) return
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const readMore = async (): Promise<boolean> => {
    // The timer runs only while waiting for data, not while the caller processes it.
    const next = await silence.during(reader.read())
    if (next.done) return false
    text += next.value
    if (text.length > maxBufferedCharacters) throw new Error('the answer is too long')
    return true
  }

  while (text.trimStart() === '') if (!(await readMore())) return
  const first = text.trimStart().charAt(0)
  if (first === '<') throw refusePage(response)
  if (first === '{') {
    while (await readMore());
    yield JSON.parse(text) as unknown
    yield done
    return
  }
  const events = createEventParser()
  for (let isOpen = true; isOpen; isOpen = await readMore()) {
    for (const data of events.parse(text)) yield data === '[DONE]' ? done : (JSON.parse(data) as unknown)
    text = ''
  }
  // The last event may lack the terminating empty line.
  for (const data of events.parse('\n\n')) yield data === '[DONE]' ? done : (JSON.parse(data) as unknown)
}

/** Creates a parser of server-sent events; it returns the data of completed events. */
function createEventParser(): { parse(text: string): readonly string[] } {
  let rest = ''
  let data: string[] = []
  return {
    parse(text) {
      // A trailing carriage return may be the first half of a line end.
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      const completeLines: string[] = []
      for (const line of lines)
        if (line === '') {
          if (data.length > 0) completeLines.push(data.join('\n'))
          data = []
        } else if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5))
      const bufferedLength = data.reduce((sum, line) => sum + line.length, rest.length)
      if (bufferedLength > maxBufferedCharacters) throw new Error('an event of the answer is too long')
      return completeLines
    },
  }
}

function refusePage({ url, headers }: Response): ContentError {
  return new ContentError(
    'PROVIDER_REFUSED',
    `The provider at ${url} answers with a page (${headers.get('content-type') ?? 'no content type'}) instead of a chat completion`,
    { retryable: false, advice: 'Check OPENAI_BASE_URL: it is the address of the API, which often ends with /v1.' },
  )
}
