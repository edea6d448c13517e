import { z } from 'zod'
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
}

const logEvents = z.array(
  z.object({
    topic: z.string(),
    seq: z.int().positive(),
    type: z.string(),
    at: z.iso.datetime(),
    payload: z.record(z.string(), z.unknown()),
  }),
)

/** The events in a message of the bus; null when the message is not ours or is damaged. */
export function parseEvents(message: unknown): readonly LogEvent[] | null {
  const parsed = logEvents.safeParse(message)
  return parsed.success ? parsed.data : null
}

/** An instant as the log writes it. */
export function toInstant(date: Date): string {
  return date.toISOString()
}
