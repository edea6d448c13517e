import { TidingsError } from '../errors.ts'
import { hashText } from './hash.ts'

/** A place in a topic's log as clients hold it: opaque to them, `<epoch>-<topic tag>-<seq>` to us. */
export type Cursor = string & { readonly __brand: 'Cursor' }

/** Enough to notice that a cursor belongs to another topic, which would otherwise silently skip or repeat events. */
function tagOf(topic: string): string {
  return hashText(topic).toString(36)
}

/**
 * Returns what turns a topic's seqs into cursors: everything but the seq is computed once for each epoch.
 *
 * @param log - of which the present epoch is taken, which may be renewed
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

/** The cursor of one event; {@link createCursorFormat} is cheaper for many of the same topic. */
export function formatCursor(epoch: string, topic: string, seq: number): Cursor {
  return createCursorFormat({ epoch }, topic)(seq)
}

/**
 * Reads a cursor that a client hands back.
 *
 * @returns its epoch and seq; whether the epoch is still the log's is for the reader to decide
 * @throws TidingsError `BAD_CURSOR` when it is not a cursor, or one of another topic
 */
export function parseCursor(cursor: string, topic: string): { readonly epoch: string; readonly seq: number } {
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
