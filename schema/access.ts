import type { Document } from '../src/studio/documents/documents.ts'
import { requireViewer } from './builder.ts'
import type { Context } from './context.ts'

/** A document that the viewer owns, or that is shared with the viewer; null when there is none. */
export async function findReadableDocument(context: Context, id: string): Promise<Document | null> {
  const { userId } = requireViewer(context)
  const document = await context.loaders.document.load(id)
  if (document === null || document.owner === userId) return document
  const shared = await context.documents.sharedWith([id], userId)
  return shared.has(id) ? document : null
}
