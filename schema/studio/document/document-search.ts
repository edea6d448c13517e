import type { Document } from '../../../src/studio/documents/document.ts'
import type { DocumentMatch, SnippetPart } from '../../../src/studio/documents/search.ts'
import { pageSize, requireViewer } from '../../index.ts'
import { builder } from '../builder.ts'
import { documentRef, sectionRef } from '../refs.ts'

const snippetPart = builder.objectRef<SnippetPart>('SnippetPart').implement({
  description: 'A part of an excerpt, as plain text.',
  fields: (t) => ({
    text: t.exposeString('text', { description: 'The text.' }),
    isMatch: t.exposeBoolean('isMatch', { description: 'Whether this part matches the search.' }),
  }),
})

interface Match extends DocumentMatch {
  readonly document: Document
}
const documentMatch = builder.objectRef<Match>('DocumentMatch').implement({
  description: 'A match of a search.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
    sectionKey: t.exposeString('sectionKey', { description: 'The `key` of the section.' }),
    section: t.field({
      type: sectionRef,
      nullable: true,
      description: 'The section; null when the document is being converted again.',
      resolve: (match, _, { loaders }) => loaders.section.load(match),
    }),
    page: t.exposeInt('page', {
      nullable: true,
      description: 'The page; null in documents without pages.',
    }),
    snippet: t.field({
      type: [snippetPart],
      description: 'An excerpt around the match.',
      resolve: ({ snippet }) => snippet,
    }),
  }),
})

builder.queryField('searchDocuments', (t) =>
  t.field({
    type: [documentMatch],
    description: `Full-text search in the documents that the viewer may read, best matches first.

All words must occur, in any inflected form (English); "quoted words" must occur in this order; \`or\` separates alternatives, and \`-\` excludes
a word. The last word may be a prefix.`,
    args: {
      query: t.arg.string({ required: true, description: 'The search words; at most 500 characters are used.' }),
      first: t.arg.int({ defaultValue: 20, description: 'The maximum number of entries, up to 100.' }),
      documentId: t.arg.id({ description: 'Only this document, without the limit of five matches per document.' }),
    },
    resolve: async (_, { query, first, documentId }, context): Promise<Match[]> => {
      const { userId } = requireViewer(context)
      const limit = pageSize(first, 20)
      const passages = await context.documents.search({ userId, query, limit, documentId: documentId ?? undefined })
      const documents = await context.loaders.document.loadMany(passages.map((match) => match.documentId))
      return passages.flatMap((match, index) => {
        const document = documents[index]
        // The document was deleted in the meantime.
        return document instanceof Error || !document ? [] : [{ ...match, document }]
      })
    },
  }),
)
