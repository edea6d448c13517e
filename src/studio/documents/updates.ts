import type { PoolClient } from 'pg'
import { appendInTransaction, type TransactionalAppender } from '../../engine.ts'

/** Changes of a document other than its conversions. */
export type DocumentChange = 'SHARED' | 'REVOKED' | 'DELETED'

/** The type of the only event of a document's topic: `payload.change` is a {@link DocumentChange}. */
const documentChanged = 'DocumentChanged'

/** Returns the name of a document's topic. The topic begins with the import and ends with the deletion. */
export function documentTopic(id: string): string {
  return `document:${id}`
}

/** Appends a change in the transaction that makes it; subscribers are notified after its commit. */
export async function noteChange(
  appender: TransactionalAppender,
  client: PoolClient,
  id: string,
  change: DocumentChange,
): Promise<void> {
  await appendInTransaction(appender, client, {
    topic: documentTopic(id),
    close: change === 'DELETED',
    events: [{ type: documentChanged, payload: { change } }],
  })
}
