import type { LogEvent } from '../../log/event.ts'
import type { OpenedTopic } from '../execute/topic-field.ts'

/**
 * Compacts the events that a slow subscriber missed: keeps only the newest of the *latest* events,
 * joins adjacent *append* events, and keeps every *keep* event. The order is preserved; omitted
 * events are contained in later ones.
 */
export function compact<S>(
  events: readonly LogEvent[],
  { classOf, join }: Pick<OpenedTopic<S>, 'classOf' | 'join'>,
): readonly LogEvent[] {
  const newest = new Map<string, LogEvent>()
  for (const event of events) if (classOf(event.type) === 'latest') newest.set(event.type, event)
  const result: LogEvent[] = []
  for (const event of events) {
    const eventClass = classOf(event.type)
    if (eventClass === 'latest' && newest.get(event.type) !== event) continue
    const last = result.at(-1)
    const mergedEvent = eventClass === 'append' && last?.type === event.type ? join(last, event) : null
    if (mergedEvent === null) result.push(event)
    else result[result.length - 1] = mergedEvent
  }
  return result
}
