import { marksOf } from '../transport/marks.ts'
import type { RequestBody, StreamResult } from '../transport/transport.ts'

/** The position of one subscription in its topic, independent of the transport. */
interface Resumption {
  /** Returns the request that continues after the last accepted event. */
  body(): RequestBody
  /** Returns whether a result is new; a new result counts as delivered. */
  accept(result: StreamResult): boolean
  /**
   * Returns whether events are missing before this result, so that the subscription must be
   * repeated from the cursor. A server that sends it again as the first result after the same
   * cursor is believed.
   */
  isAfterHole(result: StreamResult): boolean
  /**
   * Returns whether a completion is doubtful: only a last result completes a subscription with
   * cursors, and none has arrived. A server that completes it again at the same cursor is believed.
   */
  isFalseCompletion(): boolean
  /** Starts over with a snapshot. @returns false when it already starts there */
  restart(): boolean
}

/**
 * How many cursors are remembered to detect duplicate events. A server that follows the protocol
 * sends none.
 */
const maxRemembered = 256

/** The used fields of an event: the object under the root field that has a cursor. */
interface EventLike {
  readonly cursor: string
  readonly seq?: unknown
}

/**
 * Remembers the cursor of the last delivered event, for any subscription that declares a variable
 * `$after` and selects `cursor` on its root field. All other subscriptions start over each time.
 */
export function createResumption(body: RequestBody): Resumption {
  const isResumable = /\$after\s*:/.test(body.query)
  const seenKeys = new Set<string>()
  let cursor: string | undefined
  let seq: number | undefined
  /** The cursors at which a gap and a completion were last repaired. */
  let repairedAt: { hole?: string | undefined; completion?: string | undefined } = {}

  return {
    body: () => (cursor === undefined ? body : { ...body, variables: { ...body.variables, after: cursor } }),
    accept(result) {
      const event = isResumable ? findEvent(result) : undefined
      if (event === undefined) return true
      const { kind } = marksOf(result)
      // A snapshot is a new baseline, regardless of earlier events: after the log was reset
      // (`RESET`), the same cursors recur.
      if (kind === 'snapshot') seenKeys.clear()
      if (kind === undefined && seenKeys.has(event.cursor)) return false
      cursor = event.cursor
      seq = typeof event.seq === 'number' ? event.seq : undefined
      seenKeys.add(event.cursor)
      // A set keeps the order of insertion: the first entry is the oldest.
      for (const oldest of seenKeys) {
        if (seenKeys.size <= maxRemembered) break
        seenKeys.delete(oldest)
      }
      return true
    },
    isAfterHole(result) {
      const event = isResumable ? findEvent(result) : undefined
      if (event === undefined || typeof event.seq !== 'number' || seq === undefined || event.seq <= seq + 1)
        return false
      const { kind, follows } = marksOf(result)
      // The server compacts the events of a slow subscriber, and marks that in `follows`.
      if (kind !== undefined || follows === seq || repairedAt.hole === cursor) return false
      repairedAt = { ...repairedAt, hole: cursor }
      return true
    },
    isFalseCompletion() {
      if (cursor === undefined || repairedAt.completion === cursor) return false
      repairedAt = { ...repairedAt, completion: cursor }
      return true
    },
    restart() {
      if (cursor === undefined) return false
      cursor = undefined
      seq = undefined
      return true
    },
  }
}

function findEvent({ data }: StreamResult): EventLike | undefined {
  for (const value of Object.values(data ?? {}))
    if (typeof value === 'object' && value !== null && typeof (value as Partial<EventLike>).cursor === 'string')
      return value as EventLike
  return undefined
}
