import type { LogEvent } from '../log/event.ts'
import type { SharedTopic } from './field.ts'

/**
 * What a reader who was too slow is still to be sent of what it missed: of the *latest* events only the newest, neighbouring
 * *append* events as one, every *keep* event. The order stays; what was left out is contained in what follows it.
 */
export function compact<S>(
  events: readonly LogEvent[],
  { classOf, join }: Pick<SharedTopic<S>, 'classOf' | 'join'>,
): readonly LogEvent[] {
  const newest = new Map<string, LogEvent>()
  for (const event of events) if (classOf(event.type) === 'latest') newest.set(event.type, event)
  const kept: LogEvent[] = []
  for (const event of events) {
    const eventClass = classOf(event.type)
    if (eventClass === 'latest' && newest.get(event.type) !== event) continue
    const last = kept.at(-1)
    const joined = eventClass === 'append' && last?.type === event.type ? join(last, event) : null
    if (joined === null) kept.push(event)
    else kept[kept.length - 1] = joined
  }
  return kept
}
