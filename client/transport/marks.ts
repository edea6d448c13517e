import type { StreamResult } from './transport.ts'

/**
 * The information of the server about a result besides its data: `extensions.tidings`, see
 * docs/protocol.md.
 */
interface Marks {
  /** Set for results outside the log, which repeat the cursor of the event before them. */
  readonly kind?: 'snapshot' | 'ephemeral'
  /** Nothing follows. */
  readonly last?: boolean
  /** The result replaces all events after this seq. */
  readonly follows?: number
}

/** Returns the marks of a result; none from a server that does not set them. */
export function marksOf({ extensions }: Pick<StreamResult, 'extensions'>): Marks {
  return (extensions?.['tidings'] ?? {}) as Marks
}
