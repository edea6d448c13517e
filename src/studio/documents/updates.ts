import type { PoolClient } from 'pg'
import type { Appender } from '../../log/append.ts'
import type { LogEvent } from '../../log/event.ts'

/** What can happen to a document beside its conversions. */
export type DocumentChange = 'SHARED' | 'REVOKED' | 'DELETED'

/** The type of the only event of a document's topic: `payload.change` is a {@link DocumentChange}. */
export const documentChanged = 'DocumentChanged'

/** The name of a document's topic. It begins with the import, and ends with the deletion. */
export function documentTopic(id: string): string {
  return `document:${id}`
}

/** Notes a change in the transaction that makes it. @returns what to publish after the commit */
export async function noteChange(
  appender: Appender,
  client: PoolClient,
  id: string,
  change: DocumentChange,
): Promise<readonly LogEvent[]> {
  const appended = await appender.appendIn(client, {
    topic: documentTopic(id),
    close: change === 'DELETED',
    events: [{ type: documentChanged, payload: { change } }],
  })
  return appended.accepted ? appended.events : []
}
