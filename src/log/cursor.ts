import { TidingsError } from '../errors.ts'
import { hashText } from './hash.ts'

/** A position in a topic's log: everything up to `seq` of this epoch has been received. */
export interface Position {
  readonly epoch: string
  readonly seq: number
}

/**
 * A position in a topic's log as held by clients: opaque to them, `<epoch>-<topic tag>-<seq>`
 * internally.
 */
type Cursor = string & { readonly __brand: 'Cursor' }

/**
 * Returns a short tag of a topic, which is enough to detect the cursor of another topic. Such a
 * cursor would otherwise silently skip or repeat events.
 */
function tagOf(topic: string): string {
  return hashText(topic).toString(36)
}

/**
 * Creates a function that turns the seqs of a topic into cursors. The part before the seq is
 * computed once per epoch.
 *
 * @param log - source of the current epoch, which may be renewed
 */
export function createCursorFormat(log: { readonly epoch: string }, topic: string): (seq: number) => Cursor {
  const tag = tagOf(topic)
  let epoch: string | undefined
  let prefix = ''
  return (seq) => {
    if (log.epoch !== epoch) {
      epoch = log.epoch
      prefix = `${epoch}-${tag}-`
    }
    return (prefix + seq.toString(36)) as Cursor
  }
}

/**
 * Formats the cursor of one event; {@link createCursorFormat} is cheaper for many events of one
 * topic.
 */
export function formatCursor(epoch: string, topic: string, seq: number): Cursor {
  return createCursorFormat({ epoch }, topic)(seq)
}

/**
 * Parses a cursor received from a client.
 *
 * @returns its position; the caller decides whether the epoch is still that of the log
 * @throws TidingsError `BAD_CURSOR` if it is not a cursor, or is one of another topic
 */
export function parseCursor(cursor: string, topic: string): Position {
  const match = /^([0-9a-z]{1,16})-([0-9a-z]{1,7})-([0-9a-z]{1,11})$/.exec(cursor)
  const [, epoch, tag, digits] = match ?? []
  const seq = Number.parseInt(digits ?? '', 36)
  if (epoch === undefined || !Number.isSafeInteger(seq))
    throw new TidingsError(
      'BAD_CURSOR',
      `${JSON.stringify(cursor.slice(0, 80))} is not a cursor; leave \`after\` out to begin with a snapshot`,
    )
  if (tag !== tagOf(topic))
    throw new TidingsError(
      'BAD_CURSOR',
      `The cursor "${cursor}" belongs to another topic than "${topic}"; leave \`after\` out to begin with a snapshot`,
    )
  return { epoch, seq }
}
