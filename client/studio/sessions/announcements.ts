import type { SessionMessage } from '../../apps/sessions/session-state.ts'

/** The part of a conversation that has been announced. */
export interface AnnouncedState {
  /**
   * The position of the newest message. Earlier messages that are loaded later have lower
   * positions.
   */
  readonly newest: number
  /** Replies that were being written, by id. */
  readonly writing: ReadonlySet<string>
}

/** A larger number of messages at once is counted instead of read out. */
const maxAtOnce = 3

/**
 * Returns the announcements for screen readers since the last call: messages of other users, and
 * for each reply its start and, once, its outcome; never the chunks in between. Pure.
 *
 * @param previous - null when the conversation has just been opened: existing messages are not
 * announced
 */
export function findAnnouncements(
  previous: AnnouncedState | null,
  messages: readonly SessionMessage[],
  me: string | null,
): { readonly state: AnnouncedState; readonly announcements: readonly string[] } {
  const isWriting = ({ status }: SessionMessage): boolean => status === 'WRITING'
  const news =
    previous === null
      ? []
      : messages.filter(
          (message) => message.position > previous.newest || isWriting(message) !== previous.writing.has(message.id),
        )
  const texts = news.filter(({ author }) => author === null || author !== me).map(describe)
  return {
    state: {
      newest: Math.max(previous?.newest ?? 0, messages.at(-1)?.position ?? 0),
      writing: new Set(messages.filter(isWriting).map(({ id }) => id)),
    },
    announcements: texts.length > maxAtOnce ? [`${texts.length} new messages`] : texts,
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

/** Removes most Markdown syntax, for reading out. */
function withoutMarks(markdown: string): string {
  return markdown.replace(/^[#>\s-]+|[*_`]/gm, '').replace(/\s+/g, ' ')
}
