import type { ReadReadiness } from './health.ts'

/** Whether the record can be reached, as far as this server knows. Disposing stops looking. */
export interface RecordWatch extends Disposable {
  /** Whether it has not answered for some seconds. */
  isAway(): boolean
}

/** How often the database may fail to answer, one look a second, before those who watch are told. */
const maxMisses = 3

/**
 * Looks after the record for those who only listen. Nothing of theirs fails while it is away, and nothing comes either: a
 * page would go on to say that it is live. So they are sent away, with a code after which they try again, and are not taken
 * in until it is back. A restart of the database that is shorter than a few seconds is not noticed.
 *
 * @param options.onAway - called when it has gone
 * @param options.everyMs - time between looks; default 1 s
 */
export function createRecordWatch(options: {
  readonly readReadiness: ReadReadiness
  readonly onAway: () => void
  readonly everyMs?: number
}): RecordWatch {
  const { readReadiness, onAway, everyMs = 1_000 } = options
  let misses = 0
  let isLooking = false
  const look = async (): Promise<void> => {
    isLooking = true
    const { database } = await readReadiness(false)
    isLooking = false
    misses = database === 'up' ? 0 : misses + 1
    if (misses === maxMisses) onAway()
  }
  const timer = setInterval(() => {
    if (!isLooking) void look()
  }, everyMs).unref()
  return {
    isAway: () => misses >= maxMisses,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
