import type { Document } from '../../../src/studio/documents/document.ts'
import { type Context, requireViewer } from '../../index.ts'

/**
 * Finds a document that the viewer owns, or that is shared with the viewer; null when there is
 * none.
 */
export async function findReadableDocument(context: Context, id: string): Promise<Document | null> {
  return findDocumentOf(context, id, requireViewer(context).userId)
}

/**
 * Finds a document on behalf of a user, independent of the viewer: also where an event is executed
 * for a subscription group, without a viewer.
 */
export async function findDocumentOf(
  { loaders, documents }: Pick<Context, 'loaders' | 'documents'>,
  id: string,
  userId: string,
): Promise<Document | null> {
  const document = await loaders.document.load(id)
  if (document === null || document.owner === userId) return document
  const sharedIds = await documents.sharedWith([id], userId)
  return sharedIds.has(id) ? document : null
}
