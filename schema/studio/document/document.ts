import type { Document } from '../../../src/studio/documents/document.ts'
import type { DocumentReader } from '../../../src/studio/documents/sharing.ts'
import type { PageStart } from '../../../src/studio/documents/structure/structure.ts'
import { activeTaskOf, readPage, rememberedTask, requireViewer } from '../../index.ts'
import { builder, defineConnection, listArguments, node, registerNode, taskError, taskRef } from '../builder.ts'
import { documentRef, sectionRef } from '../refs.ts'
import { findReadableDocument } from './document-access.ts'

registerNode('document', {
  name: 'Document',
  find: findReadableDocument,
  load: (loaders, id) => loaders.document.load(id),
})

const documentStatus = builder.enumType('DocumentStatus', {
  description: 'The status of a document.',
  values: {
    PROCESSING: { description: 'The conversion is running; `activeTask` has its progress.' },
    READY: { description: 'The document can be read.' },
    FAILED: { description: 'The conversion failed; see `error`.' },
  } as const,
})
const documentFormat = builder.enumType('DocumentFormat', {
  description: 'The format of a document, detected from its content.',
  values: {
    MARKDOWN: { description: 'Markdown.' },
    PLAIN_TEXT: { description: 'Text without markup.' },
    HTML: { description: 'A web page.' },
    PDF: { description: 'PDF with a text layer; scans are refused.' },
    DOCX: { description: 'Office Open XML (Word), without macros.' },
  } as const,
})

sectionRef.implement({
  description: 'A section of a document under a heading, without its subsections.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Unique within its document.' }),
    heading: t.exposeString('heading', { description: 'The heading, as plain text.' }),
    level: t.exposeInt('level', { description: '1 for a title, 6 for the lowest heading.' }),
    body: t.exposeString('body', {
      description:
        'Safe Markdown: no HTML, no images, and only links to http, https, mailto and positions of the same document. May be empty.',
    }),
    page: t.exposeInt('page', {
      nullable: true,
      description: 'The page of the heading, as `DocumentPage.number`; null in formats without pages.',
    }),
  }),
})

const page = builder.objectRef<PageStart>('DocumentPage').implement({
  description: 'The position of a page in a document.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: '1, 2, 3 …' }),
    label: t.exposeString('label', { description: 'The printed label, such as “iv”; the page number by default.' }),
    sectionKey: t.exposeString('sectionKey', { description: 'The section that contains the start of the page.' }),
    offset: t.exposeInt('offset', {
      description:
        'The offset within the section’s body in UTF-16 code units, at the start of a paragraph or at the end.',
    }),
  }),
})

const reader = builder.objectRef<DocumentReader>('DocumentReader').implement({
  description: 'A user that a document is shared with.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user.' }),
    sharedAt: t.field({
      type: 'DateTime',
      description: 'When the document was shared with the user.',
      resolve: ({ sharedAt }) => sharedAt,
    }),
  }),
})

documentRef.implement({
  description: 'An imported document.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `document_`.' }),
    title: t.exposeString('title', {
      description: 'The first heading; the file’s name until the conversion is completed.',
    }),
    name: t.exposeString('name', { description: 'The name of the file.' }),
    status: t.field({ type: documentStatus, description: 'The current status.', resolve: ({ status }) => status }),
    format: t.field({
      type: documentFormat,
      nullable: true,
      description: 'The format; null until it is detected.',
      resolve: ({ format }) => format,
    }),
    sizeBytes: t.exposeInt('sizeBytes', { description: 'The size of the file in bytes.' }),
    wordCount: t.exposeInt('wordCount', {
      description: 'The number of words without markup; 0 until the conversion is completed.',
    }),
    notes: t.exposeStringList('notes', { description: 'Assumptions and omissions of the conversion, as sentences.' }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'The cause of the failed conversion; null otherwise.',
      resolve: ({ error }) => error,
    }),
    sections: t.field({
      type: [sectionRef],
      description: 'The sections in order; `level` gives the hierarchy.',
      resolve: ({ id }, _, { loaders }) => loaders.sections.load(id),
    }),
    pages: t.field({
      type: [page],
      description: 'The pages in order; empty for formats without pages, and until the conversion is completed.',
      resolve: ({ pages }) => pages,
    }),
    pageCount: t.int({
      nullable: true,
      description: 'The number of pages; null for formats without pages, and until the conversion is completed.',
      resolve: ({ pages }) => (pages.length === 0 ? null : pages.length),
    }),
    owner: t.exposeID('owner', { description: 'The owner’s user id. Only the owner may change the document.' }),
    sharedWith: t.field({
      type: [reader],
      description: 'The users that the document is shared with.',
      resolve: ({ id }, _, { loaders }) => loaders.readers.load(id),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the document was imported.',
      resolve: ({ createdAt }) => createdAt,
    }),
    conversion: t.field({
      type: taskRef,
      nullable: true,
      description: 'The newest conversion task; pass its id to `retryTask` when it failed.',
      resolve: async ({ id }, _, context) => rememberedTask(await context.loaders.conversion.load(id), context),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task now working on this document, so that a page that has just loaded can subscribe to it.',
      resolve: activeTaskOf,
    }),
  }),
})

const documentConnection = defineConnection<Document>('Document', documentRef)

builder.queryFields((t) => ({
  document: t.field({
    type: documentRef,
    nullable: true,
    description:
      'A document that the viewer owns or that is shared with the viewer; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `document_`.' }) },
    resolve: (_, { id }, context) => findReadableDocument(context, id),
  }),
  documents: t.field({
    type: documentConnection,
    description: 'The documents of the viewer and those shared with the viewer, newest first.',
    args: listArguments,
    resolve: (_, range, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.documents.list({ owner: userId, isShared: true, ...rows }))
    },
  }),
}))
