import { finalStatuses, hasTerminalEvent, passingEvents, terminalEvents } from '../../src/protocol.ts'
import type { RequestBody, StreamResult } from './transport.ts'

/** Where one subscription is in its topic, whatever carries it. */
export interface Resumption {
  /** What to send to receive what follows. */
  body(): RequestBody
  /** Whether a result is new; then it counts as handed on. */
  accept(result: StreamResult): boolean
  /**
   * Whether events are missing before this result, so that it is to be received again, from the cursor. A server that
   * repeats it as the first one after the same cursor is believed.
   */
  isAfterHole(result: StreamResult): boolean
  /**
   * Whether a completion is to be doubted: nothing can complete this subscription but a terminal event, and none has come.
   * A server that completes it again at the same cursor is believed.
   */
  isFalseCompletion(): boolean
  /** Whether nothing can follow this result. */
  isLast(result: StreamResult): boolean
  /** Begins anew, from a snapshot. @returns false when that is where it stands already */
  restart(): boolean
}

/** How many cursors are remembered to recognise events that come twice. A server that keeps to the protocol repeats none. */
const maxRemembered = 256

/** An event as far as it is looked at: the object under the root field that has a cursor. */
interface EventLike {
  readonly __typename?: unknown
  readonly cursor: string
  readonly status?: unknown
  readonly seq?: unknown
}

/**
 * Remembers the cursor of the last event handed on, for any subscription that declares a variable `$after` and selects
 * `cursor` on its root field. All others begin anew each time.
 */
export function createResumption(body: RequestBody): Resumption {
  const isResumable = /\$after\s*:/.test(body.query)
  const remembered = new Set<string>()
  let cursor: string | undefined
  let seq: number | undefined
  let isTerminalDue = false
  /** The cursors from which holes and completions were repaired last. */
  let repaired: { hole?: string | undefined; completion?: string | undefined } = {}

  return {
    body: () => (cursor === undefined ? body : { ...body, variables: { ...body.variables, after: cursor } }),
    accept(result) {
      const event = isResumable ? findEvent(result) : undefined
      if (event === undefined) return true
      // A snapshot is a new baseline, whatever was handed on before: after the log went back (`RESET`) the same cursors come again.
      if (typeof event.__typename === 'string' && event.__typename.endsWith('Snapshot')) remembered.clear()
      const isPassing = typeof event.__typename === 'string' && passingEvents.includes(event.__typename)
      if (!isPassing && remembered.has(event.cursor)) return false
      cursor = event.cursor
      seq = typeof event.seq === 'number' ? event.seq : undefined
      isTerminalDue = typeof event.__typename === 'string' && hasTerminalEvent(event.__typename)
      remembered.add(event.cursor)
      // A set keeps the order of insertion: the first is the oldest.
      for (const oldest of remembered) {
        if (remembered.size <= maxRemembered) break
        remembered.delete(oldest)
      }
      return true
    },
    isAfterHole(result) {
      const event = isResumable ? findEvent(result) : undefined
      if (event === undefined || typeof event.seq !== 'number' || seq === undefined || event.seq <= seq + 1)
        return false
      if (typeof event.__typename === 'string' && passingEvents.includes(event.__typename)) return false
      // Of a slow subscriber the server merges events, and says so.
      const { follows } = (result.extensions?.['tidings'] ?? {}) as { readonly follows?: unknown }
      if (follows === seq || repaired.hole === cursor) return false
      repaired = { ...repaired, hole: cursor }
      return true
    },
    isFalseCompletion() {
      if (!isTerminalDue || repaired.completion === cursor) return false
      repaired = { ...repaired, completion: cursor }
      return true
    },
    isLast(result) {
      const event = findEvent(result)
      if (event === undefined) return false
      const { __typename: type, status } = event
      if (typeof type !== 'string') return false
      return terminalEvents.includes(type) || (type === 'TaskSnapshot' && finalStatuses.includes(String(status)))
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
