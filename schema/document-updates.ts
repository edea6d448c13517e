import { TidingsError } from '../src/errors.ts'
import { convertDocumentKind } from '../src/studio/documents/convert-document.ts'
import { type DocumentChange, documentTopic } from '../src/studio/documents/updates.ts'
import { findReadableDocument } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import { refuseAsMissing } from './failure.ts'
import type { EventPlace } from './topic-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

const documentChange = builder.enumType('DocumentChange', {
  description: 'What happened to a document beside its conversions.',
  values: {
    CURRENT: { description: 'Nothing: this is where watching begins.' },
    SHARED: { description: 'Somebody else may read it now.' },
    REVOKED: { description: 'Somebody may read it no longer.' },
    DELETED: { description: 'It is gone. The last one.' },
  } as const,
})

interface Update extends EventPlace {
  readonly documentId: string
  readonly change: DocumentChange | 'CURRENT'
}
const documentUpdate = builder.objectRef<Update>('DocumentUpdate').implement({
  description: 'A change of a document that those who have it open should know of.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it back as `after` to receive what follows.',
      resolve: ({ cursor }) => cursor,
    }),
    seq: t.exposeInt('seq', { description: '1, 2, 3 … without a gap; CURRENT repeats the last number.' }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ at }) => at }),
    documentId: t.exposeID('documentId', { description: 'The document.' }),
    change: t.field({ type: documentChange, description: 'What happened.', resolve: ({ change }) => change }),
  }),
})

builder.subscriptionField('documentUpdates', (t) =>
  t.field({
    type: documentUpdate,
    description: `Whether a document may still be read, and with whom it is shared: for those who have it open.

It ends at once, with the error FORBIDDEN, for a user whose share is revoked, and completes after DELETED. What works on the
document tells its progress by \`taskProgress\`.`,
    args: {
      documentId: t.arg.id({ required: true, description: 'A document that the viewer may read.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
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
          // Where it begins is all there is to say.
          return { seq: head.seq, state: {} }
        },
        isLast: ({ payload }) => payload['change'] === 'DELETED',
        read: (followed, place) => ({
          ...place,
          documentId: id,
          change: followed.is === 'event' ? (followed.event.payload['change'] as DocumentChange) : 'CURRENT',
        }),
        // Who may read a document is who may see what works on it.
        guard: engine.visibility.guard(viewer, { id, kind: convertDocumentKind, owner, subject: id }),
      }
    }),
  }),
)
