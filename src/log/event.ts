import type { JsonObject } from '../db/tables.ts'

/** An event of a topic. Immutable: shared by all subscribers to the topic in this process. */
export interface LogEvent {
  readonly topic: string
  /** 1, 2, 3 … without a gap within its topic. */
  readonly seq: number
  readonly type: string
  /**
   * RFC 3339 in UTC with milliseconds; precedes the time of the previous event at most by the
   * difference between clocks.
   */
  readonly at: string
  readonly payload: JsonObject
  /**
   * The `traceparent` of its append. Only on traced events that arrived over the bus: the log does
   * not store it.
   */
  readonly trace?: string
}

/**
 * Returns the bus message for events that were appended together. The first event carries the epoch
 * of the log, because messages of an earlier epoch may arrive after a failover of the database, or after a backup was restored.
 */
export function toMessage(events: readonly LogEvent[], epoch: string): readonly object[] {
  const [first, ...rest] = events
  return first === undefined ? [] : [{ ...first, epoch }, ...rest]
}

/** Events received over the bus. */
interface BusEvents {
  readonly events: readonly LogEvent[]
  /**
   * The epoch of the log that they were appended in; undefined if the message does not contain it.
   */
  readonly epoch: string | undefined
}

/**
 * Parses the events of a bus message; returns null if the message has another format, is damaged,
 * or is of another topic.
 *
 * Checked by hand and not with zod, as elsewhere: it is in the path of every event, and zod copies
 * each payload.
 */
export function parseEvents(message: unknown, topic: string): BusEvents | null {
  if (!Array.isArray(message)) return null
  for (const event of message as unknown[]) if (!isLogEvent(event) || event.topic !== topic) return null
  const [first, ...rest] = message as (LogEvent & { readonly epoch?: unknown })[]
  if (typeof first?.epoch !== 'string') return { events: message as LogEvent[], epoch: undefined }
  const { epoch, ...event } = first
  return { events: [event, ...rest], epoch }
}

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function isLogEvent(value: unknown): value is LogEvent {
  if (typeof value !== 'object' || value === null) return false
  const { topic, seq, type, at, payload, trace } = value as Partial<Record<keyof LogEvent, unknown>>
  return (
    typeof topic === 'string' &&
    typeof type === 'string' &&
    Number.isSafeInteger(seq) &&
    (seq as number) > 0 &&
    typeof at === 'string' &&
    (trace === undefined || typeof trace === 'string') &&
    instant.test(at) &&
    typeof payload === 'object' &&
    payload !== null &&
    !Array.isArray(payload)
  )
}

/** Formats a date as the log does. */
export function toInstant(date: Date): string {
  return date.toISOString()
}
