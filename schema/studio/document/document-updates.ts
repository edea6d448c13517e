import { TidingsError } from '../../../src/engine.ts'
import { convertDocumentKind } from '../../../src/studio/documents/convert/convert-document.ts'
import { type DocumentChange, documentTopic } from '../../../src/studio/documents/updates.ts'
import { type EventPosition, refuseAsMissing, requireViewer, subscribeToTopic } from '../../index.ts'
import { builder } from '../builder.ts'
import { findReadableDocument } from './document-access.ts'

const documentChange = builder.enumType('DocumentChange', {
  description: 'A change to a document, apart from its conversions.',
  values: {
    CURRENT: { description: 'No change: the first event of a subscription.' },
    SHARED: { description: 'The document was shared.' },
    REVOKED: { description: 'A share was revoked.' },
    DELETED: { description: 'The document was deleted. The terminal event.' },
  } as const,
})

interface Update extends EventPosition {
  readonly documentId: string
  readonly change: DocumentChange | 'CURRENT'
}
const documentUpdate = builder.objectRef<Update>('DocumentUpdate').implement({
  description: 'A change to a document, for pages that show it.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Pass it back as `after` to receive the events after this one.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without gaps; CURRENT repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When the event happened.', resolve: ({ at }) => at }),
    documentId: t.exposeID('documentId', { description: 'The document.' }),
    change: t.field({ type: documentChange, description: 'The kind of change.', resolve: ({ change }) => change }),
  }),
})

builder.subscriptionField('documentUpdates', (t) =>
  t.field({
    type: documentUpdate,
    description: `Changes to a document, for pages that show it: shared, revoked, deleted.

Completes after DELETED; ends at once with the error FORBIDDEN after the user’s share was revoked. The progress of the document’s
tasks is in \`taskProgress\`.`,
    args: {
      documentId: t.arg.id({ required: true, description: 'A document that the viewer may read.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic<{ documentId: string }, object, Update>(async ({ documentId }, context) => {
      const { engine } = context
      const viewer = requireViewer(context)
      const { id, owner } = (await findReadableDocument(context, documentId)) ?? refuseAsMissing('document', documentId)
      const topic = documentTopic(id)
      return {
        topic,
        async snapshot() {
          const head = await engine.reader.head(topic)
          if (head === null) throw new TidingsError('NOT_FOUND', `There is no document "${id}"`, { id })
          // The snapshot consists of its position only.
          return { seq: head.seq, state: {} }
        },
        isLast: ({ payload }) => payload['change'] === 'DELETED',
        read: (update, position) => ({
          ...position,
          documentId: id,
          change: update.is === 'event' ? (update.event.payload['change'] as DocumentChange) : 'CURRENT',
        }),
        // Readers of a document may also see the tasks that work on it.
        guard: engine.visibility.guard(viewer, { id, kind: convertDocumentKind, owner, subject: id }),
      }
    }),
  }),
)
