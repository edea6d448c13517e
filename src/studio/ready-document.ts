import type { PoolClient } from 'pg'
import { findActiveTask, TidingsError } from '../engine.ts'

/**
 * Locks a converted document of the owner, so that it is not deleted before the transaction ends.
 *
 * @param purpose - what the caller cannot do with a document that failed, as in "make a roadmap of"
 * @throws TidingsError `NOT_FOUND`; `CONFLICT` when the document is not `READY`, with the task that
 * converts it
 */
export async function lockReadyDocument(
  client: PoolClient,
  documentId: string,
  owner: string,
  purpose: string,
): Promise<{ readonly title: string; readonly words: number }> {
  const { rows } = await client.query<{ status: string; title: string; words: number }>(
    'select status, title, word_count as words from studio.document where id = $1 and owner = $2 for share',
    [documentId, owner],
  )
  const [document] = rows
  if (document === undefined)
    throw new TidingsError('NOT_FOUND', `There is no document "${documentId}"`, { id: documentId })
  if (document.status === 'READY') return document
  const running = await findActiveTask(client, [documentId])
  throw new TidingsError(
    'CONFLICT',
    document.status === 'PROCESSING'
      ? `Document "${documentId}" is still being processed; wait until it is READY`
      : `Document "${documentId}" could not be processed, so there is nothing to ${purpose}; import it again`,
    { taskId: running?.id },
  )
}
