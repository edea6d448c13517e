import { TidingsError } from '../src/errors.ts'
import type { Document, DocumentSection } from '../src/studio/documents/documents.ts'
import { builder, requireViewer } from './builder.ts'
import { defineConnection, pageSize, parsePlace, toPage } from './connection.ts'
import {
  conflictError,
  invalidInputError,
  isFailure,
  orFailure,
  rateLimitedError,
  type TaskSource,
  taskRef,
} from './failure.ts'
import { node } from './node.ts'
import { taskError } from './progress.ts'
import { documentRef } from './refs.ts'

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
  values: { MARKDOWN: { description: 'Markdown.' }, PLAIN_TEXT: { description: 'Text without markup.' } } as const,
})

const section = builder.objectRef<DocumentSection>('Section').implement({
  description: 'A part of a document under a heading, without the sections below it.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'Unique within its document.' }),
    heading: t.exposeString('heading', { description: 'The heading, as plain text.' }),
    level: t.exposeInt('level', { description: '1 for a title, 6 for the smallest heading.' }),
    body: t.exposeString('body', { description: 'Markdown; may be empty.' }),
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
      type: [section],
      description: 'Its parts in order; their levels tell the tree.',
      resolve: ({ id }, _, { loaders }) => loaders.sections.load(id),
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When it was imported.',
      resolve: ({ createdAt }) => createdAt,
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task now working on this document, so that a page that has just loaded can pick it up.',
      resolve: async ({ id }, _, { loaders }) => {
        const task = await loaders.activeTask.load(id)
        return task === null ? null : { task }
      },
    }),
  }),
})

const documentConnection = defineConnection<Document>('Document', documentRef)

builder.queryFields((t) => ({
  document: t.field({
    type: documentRef,
    nullable: true,
    description: 'A document of the viewer’s; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `document_`.' }) },
    resolve: async (_, { id }, context) => {
      const viewer = requireViewer(context)
      const document = await context.loaders.document.load(id)
      return document?.owner === viewer.userId ? document : null
    },
  }),
  documents: t.field({
    type: documentConnection,
    description: 'The viewer’s documents, newest first.',
    args: {
      after: t.arg.string({ description: 'The `endCursor` of the page before.' }),
      first: t.arg.int({ defaultValue: 20, description: 'At most this many, up to 100.' }),
    },
    resolve: async (_, { after, first }, context) => {
      const viewer = requireViewer(context)
      const size = pageSize(first, 20)
      const before = parsePlace(after)
      const rows = await context.documents.list({ owner: viewer.userId, before, limit: size + 1 })
      return toPage(rows, size, before, (document) => document)
    },
  }),
}))

const importDocumentInput = builder.inputType('ImportDocumentInput', {
  description: 'A document as a file or as text: exactly one of the two.',
  fields: (t) => ({
    file: t.field({ type: 'Upload', description: 'The file, by multipart request.' }),
    text: t.string({ description: 'The text itself, Markdown or plain.' }),
    name: t.string({ description: 'What the document is called, such as `guide.md`; the file’s name by default.' }),
    idempotencyKey: t.string({
      description: 'Sent again with the same key and content, the same document is returned instead of a second one.',
    }),
  }),
})

interface ImportSuccess extends TaskSource {
  readonly document: Document
}
const importDocumentSuccess = builder.objectRef<ImportSuccess>('ImportDocumentSuccess').implement({
  description: 'The document is stored and is being prepared for reading.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
    task: t.field({
      type: taskRef,
      description: 'The task that prepares it: watch it with `taskProgress`.',
      resolve: (source) => source,
    }),
  }),
})
const importDocumentResult = builder.unionType('ImportDocumentResult', {
  description: 'What became of `importDocument`.',
  types: [importDocumentSuccess, invalidInputError, conflictError, rateLimitedError],
  resolveType: (result) => (isFailure(result) ? result.__typename : 'ImportDocumentSuccess'),
})

builder.mutationField('importDocument', (t) =>
  t.field({
    type: importDocumentResult,
    description: 'Stores a document and starts preparing it for reading.',
    args: { input: t.arg({ type: importDocumentInput, required: true, description: 'The document.' }) },
    resolve: (_, { input }, context) =>
      orFailure(context, '', ['InvalidInputError', 'ConflictError', 'RateLimitedError'], async () => {
        const viewer = requireViewer(context)
        const { name, bytes } = await readInput(input, context.limits.maxUploadBytes)
        return context.documents.import({
          owner: viewer.userId,
          name,
          bytes,
          idempotencyKey: input.idempotencyKey ?? undefined,
          headStartMs: context.limits.headStartMs(viewer.plan),
        })
      }),
  }),
)

/** @throws TidingsError `BAD_INPUT` */
async function readInput(
  {
    file,
    text,
    name,
  }: {
    readonly file?: File | null | undefined
    readonly text?: string | null | undefined
    readonly name?: string | null | undefined
  },
  maxBytes: number,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  const refuse = (path: string, message: string): never => {
    throw new TidingsError('BAD_INPUT', message, { issues: [{ path, message }] })
  }
  const isFile = file !== null && file !== undefined
  const isText = text !== null && text !== undefined
  if (isFile === isText) return refuse('input', 'Give either `file` or `text`, and not both')
  const size = isFile ? file.size : Buffer.byteLength(text ?? '')
  if (size > maxBytes)
    return refuse(
      isFile ? 'input.file' : 'input.text',
      `The document has ${size} bytes; at most ${maxBytes} are allowed (MAX_UPLOAD_BYTES)`,
    )
  const bytes = isFile ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(text ?? '')
  return { name: name ?? (isFile ? file.name : 'Untitled'), bytes }
}
