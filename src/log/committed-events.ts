import type { Database } from '../db/connect.ts'
import { createListener } from '../db/listen.ts'
import type { Logger } from '../logger.ts'
import type { Feeds } from './feed.ts'

/**
 * Delivers events that were published in transactions of the application (`tidings.publish_events`), once these have committed: PostgreSQL
 * notifies every server. Events whose notification is lost are found by the next comparison with the log.
 */
export function createCommittedEvents({
  database,
  feeds,
  logger,
}: {
  readonly database: Pick<Database, 'openPool'>
  readonly feeds: Pick<Feeds, 'check' | 'refresh'>
  readonly logger: Logger
}): AsyncDisposable {
  return createListener({
    database,
    channel: 'tidings.published',
    logger,
    onListening: () => void feeds.check(),
    onNotification: (topic) => void (topic === '' ? feeds.check() : feeds.refresh(topic)),
  })
}
