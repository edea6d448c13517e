import type { SessionMessage } from '../../reduce/session-state.ts'

/** How far somebody who listens to a conversation has heard it. */
export interface Heard {
  /** The position of the newest message. What is read back in stands before it. */
  readonly newest: number
  /** Replies that were being written, by id. */
  readonly writing: ReadonlySet<string>
}

/** More than this at once is counted and not read out. */
const maxAtOnce = 3

/**
 * What a screen reader is to be told of a conversation since the last time: what others said, and of each reply that it has begun and,
 * once, how it ended; never the pieces in which it comes. Pure.
 *
 * @param heard - null when the conversation has just been opened: what is there already is not news
 */
export function hear(
  heard: Heard | null,
  messages: readonly SessionMessage[],
  me: string | null,
): { readonly heard: Heard; readonly said: readonly string[] } {
  const isWriting = ({ status }: SessionMessage): boolean => status === 'WRITING'
  const news =
    heard === null
      ? []
      : messages.filter((one) => one.position > heard.newest || isWriting(one) !== heard.writing.has(one.id))
  const said = news.filter(({ author }) => author === null || author !== me).map(describe)
  return {
    heard: {
      newest: Math.max(heard?.newest ?? 0, messages.at(-1)?.position ?? 0),
      writing: new Set(messages.filter(isWriting).map(({ id }) => id)),
    },
    said: said.length > maxAtOnce ? [`${said.length} new messages`] : said,
  }
}

function describe({ author, body, status, error }: SessionMessage): string {
  if (author !== null) return `${author}: ${body}`
  switch (status) {
    case 'WRITING':
      return 'A reply is being written'
    case 'STOPPED':
      return 'The reply was stopped'
    case 'FAILED':
      return `The answer failed: ${error?.message ?? ''} ${error?.advice ?? ''}`.trim()
    case 'SENT':
    case 'COMPLETED':
      return `Reply: ${withoutMarks(body)}`
    default:
      return status satisfies never
  }
}

/** Markdown as it would be read out, more or less. */
function withoutMarks(markdown: string): string {
  return markdown.replace(/^[#>\s-]+|[*_`]/gm, '').replace(/\s+/g, ' ')
}
