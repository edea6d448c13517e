/** One event of an event stream, as {@link createEventStreamParser} returns it. */
export interface ServerSentEvent {
  /** `message` when the server does not set one. */
  readonly type: string
  readonly data: string
}

/** An incremental parser for event streams. */
export interface EventStreamParser {
  /**
   * Parses the next chunk of text, which may be cut anywhere. @returns the events that it completes
   */
  push(text: string): ServerSentEvent[]
}

/**
 * Creates a parser that follows
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream. Comments,
 * `id` and `retry` are ignored. Unlike in the specification, an event without `data` is an event
 * too, as `event: complete` may come without any.
 *
 * @example
 * const parser = createEventStreamParser()
 * for await (const text of body.pipeThrough(new TextDecoderStream())) for (const { type, data } of parser.push(text)) read(type, data)
 */
export function createEventStreamParser(): EventStreamParser {
  let rest = ''
  let endedWithReturn = false
  let type = ''
  let data: string[] = []

  const take = (line: string): ServerSentEvent | undefined => {
    if (line === '') {
      const event = type === '' && data.length === 0 ? undefined : { type: type || 'message', data: data.join('\n') }
      type = ''
      data = []
      return event
    }
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') type = value
    else if (field === 'data') data.push(value)
    return undefined
  }

  return {
    push(text) {
      if (text === '') return []
      // The second half of a CRLF that was split between chunks is not a line of its own.
      const piece = endedWithReturn && text.startsWith('\n') ? text.slice(1) : text
      endedWithReturn = piece.endsWith('\r')
      const lines = (rest + piece).split(/\r\n|\r|\n/)
      rest = lines.pop() ?? ''
      return lines.map(take).filter((event) => event !== undefined)
    },
  }
}
