import { TidingsError } from '../../../src/errors.ts'
import type { MessageRange } from '../../../src/studio/sessions/messages.ts'
import type { Message } from '../../../src/studio/sessions/session.ts'
import type { Page } from '../../kit/connection.ts'

/** Parses a cursor of a list of messages into its position. @throws TidingsError `BAD_INPUT` */
export function parsePosition(cursor: string | null | undefined): number | undefined {
  if (cursor === null || cursor === undefined) return undefined
  const [, digits] = /^message:(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? []
  if (digits === undefined)
    throw new TidingsError(
      'BAD_INPUT',
      `${JSON.stringify(cursor.slice(0, 80))} is not a cursor of this list; use one received as \`startCursor\` or \`endCursor\``,
    )
  return Number(digits)
}

/** Converts a range of messages to a page. */
export function toMessagePage({ messages, hasBefore, hasAfter }: MessageRange): Page<Message> {
  return {
    edges: messages.map((node) => ({
      cursor: Buffer.from(`message:${node.position}`).toString('base64url'),
      node,
    })),
    hasNextPage: hasAfter,
    hasPreviousPage: hasBefore,
  }
}
