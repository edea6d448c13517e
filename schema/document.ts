import type { Document } from '../src/studio/documents/documents.ts'
import type { DocumentReader } from '../src/studio/documents/sharing.ts'
import type { PageStart } from '../src/studio/documents/structure.ts'
import { findReadableDocument } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, listArguments, readPage } from './connection.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { documentRef, sectionRef, taskRef } from './refs.ts'
import { activeTaskOf, rememberedTask } from './subject-task.ts'

const documentStatus = builder.enumType('DocumentStatus', {
  description: 'Where a document is.',
  values: {
    PROCESSING: { description: 'Is being prepared for reading; `activeTask` tells how far it is.' },
    READY: { description: 'Can be read and worked with.' },
    FAILED: { description: 'Could not be read; `error` says why.' },
  } as const,
})
const documentFormat = builder.enumType('DocumentFormat', {
  description: 'What a document is, by its content.',
  values: {
    MARKDOWN: { description: 'Markdown.' },
    PLAIN_TEXT: { description: 'Text without markup.' },
    HTML: { description: 'A web page.' },
    PDF: { description: 'PDF with text in it; scans are refused.' },
    DOCX: { description: 'A document of Word and of those who write its format, without macros.' },
  } as const,
})

sectionRef.implement({
  description: 'A part of a document under a heading, without the sections below it.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Unique within its document.' }),
    heading: t.exposeString('heading', { description: 'The heading, as plain text.' }),
    level: t.exposeInt('level', { description: '1 for a title, 6 for the smallest heading.' }),
    body: t.exposeString('body', {
      description:
        'Markdown that is safe to show: no HTML, no pictures, and no links but to http, https, mailto and places of the same document. May be empty.',
    }),
    page: t.exposeInt('page', {
      nullable: true,
      description: 'The page it begins on, as `DocumentPage.number`; null in documents without pages.',
    }),
  }),
})

const page = builder.objectRef<PageStart>('DocumentPage').implement({
  description: 'Where a page of a paged document begins.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: '1, 2, 3 …' }),
    label: t.exposeString('label', { description: 'What stands on the page, such as “iv”; its number by default.' }),
    sectionKey: t.exposeString('sectionKey', { description: 'The section that it begins in.' }),
    offset: t.exposeInt('offset', {
      description: 'Where in the section’s body: UTF-16 code units, at the start of a paragraph or at the end.',
    }),
  }),
})

const reader = builder.objectRef<DocumentReader>('DocumentReader').implement({
  description: 'Somebody whom a document is shared with.',
  fields: (t) => ({
    userId: t.exposeID('userId', { description: 'The user.' }),
    sharedAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: ({ sharedAt }) => sharedAt }),
  }),
})

documentRef.implement({
  description: 'A text that was imported.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Begins with `document_`.' }),
    title: t.exposeString('title', { description: 'From its first heading; the file’s name until it has been read.' }),
    name: t.exposeString('name', { description: 'The name of the file.' }),
    status: t.field({ type: documentStatus, description: 'Where it is.', resolve: ({ status }) => status }),
    format: t.field({
      type: documentFormat,
      nullable: true,
      description: 'What it is; null until that is known.',
      resolve: ({ format }) => format,
    }),
    sizeBytes: t.exposeInt('sizeBytes', { description: 'The size of the file in bytes.' }),
    wordCount: t.exposeInt('wordCount', { description: 'Words, without markup; 0 until it has been read.' }),
    notes: t.exposeStringList('notes', { description: 'What had to be assumed or left out, as sentences.' }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it could not be read; null otherwise.',
      resolve: ({ error }) => error,
    }),
    sections: t.field({
      type: [sectionRef],
      description: 'Its parts in order; their levels tell the tree.',
      resolve: ({ id }, _, { loaders }) => loaders.sections.load(id),
    }),
    pages: t.field({
      type: [page],
      description: 'Its pages in order; empty for documents without pages, and until it has been read.',
      resolve: ({ pages }) => pages,
    }),
    pageCount: t.int({
      nullable: true,
      description: 'How many pages it has; null for documents without pages, and until it has been read.',
      resolve: ({ pages }) => (pages.length === 0 ? null : pages.length),
    }),
    owner: t.exposeID('owner', { description: 'The user whose document it is; the only one who may change it.' }),
    sharedWith: t.field({
      type: [reader],
      description: 'Who may read it beside its owner, with the progress of its conversion; told to all of them.',
      resolve: ({ id }, _, { loaders }) => loaders.readers.load(id),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was imported.',
      resolve: ({ createdAt }) => createdAt,
    }),
    conversion: t.field({
      type: taskRef,
      nullable: true,
      description: 'The newest task that made it ready for reading, or could not: what `retryTask` takes.',
      resolve: async ({ id }, _, context) => rememberedTask(await context.loaders.conversion.load(id), context),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task now working on this document, so that a page that has just loaded can pick it up.',
      resolve: activeTaskOf,
    }),
  }),
})

const documentConnection = defineConnection<Document>('Document', documentRef)

builder.queryFields((t) => ({
  document: t.field({
    type: documentRef,
    nullable: true,
    description: 'A document of the viewer’s, or one shared with the viewer; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `document_`.' }) },
    resolve: (_, { id }, context) => findReadableDocument(context, id),
  }),
  documents: t.field({
    type: documentConnection,
    description: 'The viewer’s documents and those shared with the viewer, newest first.',
    args: listArguments,
    resolve: (_, range, context) => {
      const { userId } = requireViewer(context)
      return readPage(range, (rows) => context.documents.list({ owner: userId, isShared: true, ...rows }))
    },
  }),
}))
