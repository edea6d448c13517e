import { TidingsError } from '../../../src/engine.ts'
import type { Document } from '../../../src/studio/documents/document.ts'
import { type Context, findOwn, refuseAsMissing } from '../../index.ts'
import { builder, defineResult } from '../builder.ts'
import { documentRef } from '../refs.ts'

/** Returns a document that the viewer owns. @throws TidingsError `NOT_FOUND` */
async function loadOwnDocument(context: Context, id: string): Promise<Document> {
  return (await findOwn(context, context.loaders.document, id)) ?? refuseAsMissing('document', id)
}

interface DocumentSource {
  readonly document: Document
}
const shareDocumentSuccess = builder.objectRef<DocumentSource>('ShareDocumentSuccess').implement({
  description: 'The user may read the document and watch its conversion tasks.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
  }),
})
const revokeDocumentSuccess = builder.objectRef<DocumentSource>('RevokeDocumentSuccess').implement({
  description: 'The share was revoked; the user’s subscriptions to the document have ended.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
  }),
})
interface DeleteSource {
  readonly id: string
  readonly canceledTaskIds: readonly string[]
}
const deleteDocumentSuccess = builder.objectRef<DeleteSource>('DeleteDocumentSuccess').implement({
  description: 'The document was deleted permanently.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the deleted document.' }),
    canceledTaskIds: t.idList({
      description: 'The tasks of the subject that were canceled; their subscribers receive TaskCanceled.',
      resolve: ({ canceledTaskIds }) => [...canceledTaskIds],
    }),
  }),
})
const shareDocumentResult = defineResult(shareDocumentSuccess, ['NotFoundError', 'InvalidInputError'], {
  budget: 'invitations',
})
const revokeDocumentResult = defineResult(revokeDocumentSuccess, ['NotFoundError'])
const deleteDocumentResult = defineResult(deleteDocumentSuccess, ['NotFoundError'])

const shareDocumentInput = builder.inputType('ShareDocumentInput', {
  description: 'The document to share, and the user to share it with.',
  fields: (t) => ({
    documentId: t.id({ required: true, description: 'A document that the viewer owns.' }),
    userId: t.id({ required: true, description: 'The user: the `sub` of that user’s token.' }),
  }),
})
const revokeDocumentInput = builder.inputType('RevokeDocumentInput', {
  description: 'The shared document, and the user to revoke the share of.',
  fields: (t) => ({
    documentId: t.id({ required: true, description: 'A document that the viewer owns.' }),
    userId: t.id({ required: true, description: 'The user it is shared with.' }),
  }),
})
const deleteDocumentInput = builder.inputType('DeleteDocumentInput', {
  description: 'The document to delete.',
  fields: (t) => ({ documentId: t.id({ required: true, description: 'A document that the viewer owns.' }) }),
})

builder.mutationFields((t) => ({
  shareDocument: t.field({
    type: shareDocumentResult.type,
    description:
      'Lets another user read a document and watch its conversion tasks. Only the owner may share it. Sharing again has no effect.',
    args: { input: t.arg({ type: shareDocumentInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { documentId: id, userId } }, context) =>
      shareDocumentResult.run(context, id, async () => {
        const document = await loadOwnDocument(context, id)
        if (userId === document.owner) {
          const message = 'The document is this user’s own'
          throw new TidingsError('BAD_INPUT', message, { issues: [{ path: 'input.userId', message }] })
        }
        await context.documents.share(id, userId)
        context.viewerUpdates.flushSoon()
        context.note('SHARED', { subject: `document:${id}`, detail: `with ${userId}` })
        return { document }
      }),
  }),
  revokeDocument: t.field({
    type: revokeDocumentResult.type,
    description:
      'Revokes a share: the user no longer finds the document and its tasks, and that user’s subscriptions to them end at once.',
    args: { input: t.arg({ type: revokeDocumentInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { documentId: id, userId } }, context) =>
      revokeDocumentResult.run(context, id, async () => {
        const document = await loadOwnDocument(context, id)
        await context.documents.revoke(id, userId)
        context.viewerUpdates.flushSoon()
        context.note('REVOKED', { subject: `document:${id}`, detail: `from ${userId}` })
        return { document }
      }),
  }),
  deleteDocument: t.field({
    type: deleteDocumentResult.type,
    description:
      'Deletes a document: the file, its text, its search index and the logs of its conversions. Its running tasks are canceled. Roadmaps and quizzes that were generated from it are kept. Only the owner may delete it.',
    args: { input: t.arg({ type: deleteDocumentInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { documentId: id } }, context) =>
      deleteDocumentResult.run(context, id, async () => {
        await loadOwnDocument(context, id)
        const canceledTaskIds = await context.documents.delete(id)
        context.viewerUpdates.flushSoon()
        return { id, canceledTaskIds }
      }),
  }),
}))
