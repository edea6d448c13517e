import type { Document } from '../src/studio/documents/documents.ts'
import type { DocumentMatch, SnippetPart } from '../src/studio/documents/search.ts'
import { builder, requireViewer } from './builder.ts'
import { pageSize } from './connection.ts'
import { documentRef, sectionRef } from './refs.ts'

const snippetPart = builder.objectRef<SnippetPart>('SnippetPart').implement({
  description: 'A stretch of a snippet, as plain text.',
  fields: (t) => ({
    text: t.exposeString('text', { description: 'The text.' }),
    isMatch: t.exposeBoolean('isMatch', { description: 'Whether it is what was searched for: to be marked.' }),
  }),
})

interface Match extends DocumentMatch {
  readonly document: Document
}
const documentMatch = builder.objectRef<Match>('DocumentMatch').implement({
  description: 'A place in a document that answers a search.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
    sectionKey: t.exposeString('sectionKey', { description: 'The `key` of the section.' }),
    section: t.field({
      type: sectionRef,
      nullable: true,
      description: 'The section; null when the document was converted anew in this moment.',
      resolve: (match, _, { loaders }) => loaders.section.load(match),
    }),
    page: t.exposeInt('page', {
      nullable: true,
      description: 'The page; null in documents without pages.',
    }),
    snippet: t.field({
      type: [snippetPart],
      description: 'Some words around what was found.',
      resolve: ({ snippet }) => snippet,
    }),
  }),
})

builder.queryField('searchDocuments', (t) =>
  t.field({
    type: [documentMatch],
    description: `Full-text search in the documents that the viewer may read, best matches first.

Words must all occur, in any form that English has for them; "quoted words" in this order; \`or\` between words, \`-\` in front of
one that must not occur. The last word may be unfinished.`,
    args: {
      query: t.arg.string({ required: true, description: 'What to search for; 500 characters count.' }),
      first: t.arg.int({ defaultValue: 20, description: 'At most this many, up to 100.' }),
      documentId: t.arg.id({ description: 'Only in this document, and there not only the five best places.' }),
    },
    resolve: async (_, { query, first, documentId }, context): Promise<Match[]> => {
      const { userId } = requireViewer(context)
      const limit = pageSize(first, 20)
      const found = await context.documents.search({ userId, query, limit, documentId: documentId ?? undefined })
      const documents = await context.loaders.document.loadMany(found.map((match) => match.documentId))
      return found.flatMap((match, index) => {
        const document = documents[index]
        // Deleted in this moment.
        return document instanceof Error || !document ? [] : [{ ...match, document }]
      })
    },
  }),
)
