import type { JsonObject } from '../db/tables.ts'

/** One entry of a topic's log. Immutable: it is shared by everyone who follows the topic in this process. */
export interface LogEvent {
  readonly topic: string
  /** 1, 2, 3 … without a gap within its topic. */
  readonly seq: number
  readonly type: string
  /** RFC 3339 in UTC with milliseconds; never earlier than the event before it by more than clocks differ. */
  readonly at: string
  readonly payload: JsonObject
  /** The `traceparent` of its append. Only on events that are traced and came by the bus: the log does not keep it. */
  readonly trace?: string
}

/**
 * Returns the message of the bus that carries events appended together. The first says in which life of the log: messages of a former
 * one may arrive after a backup was restored.
 */
export function toMessage(events: readonly LogEvent[], epoch: string): readonly object[] {
  const [first, ...rest] = events
  return first === undefined ? [] : [{ ...first, epoch }, ...rest]
}

/** Events that the bus has brought. */
export interface BusEvents {
  readonly events: readonly LogEvent[]
  /** The life of the log that they were appended in; undefined when the message does not say. */
  readonly epoch: string | undefined
}

/**
 * The events in a message of the bus; null when the message is not ours, is damaged, or is of another topic.
 *
 * Checked by hand and not by zod, as everywhere else: it is on the way of every event, and zod makes a copy of each payload.
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

/** An instant as the log writes it. */
export function toInstant(date: Date): string {
  return date.toISOString()
}
