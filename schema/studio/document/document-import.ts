import { TidingsError } from '../../../src/engine.ts'
import type { Document } from '../../../src/studio/documents/document.ts'
import { requireViewer, type TaskSource } from '../../index.ts'
import { builder, defineResult, taskRef } from '../builder.ts'
import { documentRef } from '../refs.ts'

const documentSourceInput = builder.inputType('DocumentSourceInput', {
  description: 'The content of a document: exactly one of a file and a text.',
  isOneOf: true,
  fields: (t) => ({
    file: t.field({ type: 'Upload', description: 'The file, sent by multipart request.' }),
    text: t.string({ description: 'The text itself, Markdown or plain.' }),
  }),
})
const importDocumentInput = builder.inputType('ImportDocumentInput', {
  description: 'The document to import.',
  fields: (t) => ({
    source: t.field({ type: documentSourceInput, required: true, description: 'The content of the document.' }),
    name: t.string({ description: 'The name of the document, such as `guide.md`; the file’s name by default.' }),
    idempotencyKey: t.string({
      description:
        'At most 255 characters. A repeated request with the same key and content returns the same document.',
    }),
  }),
})

interface ImportSuccess extends TaskSource {
  readonly document: Document
}
const importDocumentSuccess = builder.objectRef<ImportSuccess>('ImportDocumentSuccess').implement({
  description: 'The document was stored, and its conversion was started.',
  fields: (t) => ({
    document: t.field({ type: documentRef, description: 'The document.', resolve: ({ document }) => document }),
    task: t.field({
      type: taskRef,
      description: 'The conversion task; subscribe to it with `taskProgress`.',
      resolve: (source) => source,
    }),
  }),
})
const importDocumentResult = defineResult(importDocumentSuccess, ['InvalidInputError', 'ConflictError'], {
  budget: 'uploads',
})

builder.mutationField('importDocument', (t) =>
  t.field({
    type: importDocumentResult.type,
    description: 'Stores a document and starts its conversion.',
    args: { input: t.arg({ type: importDocumentInput, required: true, description: 'The document.' }) },
    resolve: (_, { input }, context) =>
      importDocumentResult.run(context, '', async () => {
        const viewer = requireViewer(context)
        const { name, size, bytes } = readInput(input, context.limits.maxUploadBytes)
        await context.quotas.check('documents', viewer.userId, { key: input.idempotencyKey, bytes: size })
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
function readInput(
  { source: { file, text }, name }: typeof importDocumentInput.$inferInput,
  maxBytes: number,
): { readonly name: string; readonly size: number; readonly bytes: () => Promise<Uint8Array> } {
  const refuse = (path: string, message: string): never => {
    throw new TidingsError('BAD_INPUT', message, { issues: [{ path, message }] })
  }
  const isFile = file !== null && file !== undefined
  const size = isFile ? file.size : Buffer.byteLength(text ?? '')
  if (size > maxBytes)
    return refuse(
      isFile ? 'input.source.file' : 'input.source.text',
      `The document has ${size} bytes; at most ${maxBytes} are allowed (MAX_UPLOAD_BYTES)`,
    )
  return isFile
    ? { name: name ?? file.name, size, bytes: () => file.bytes() }
    : { name: name ?? 'Untitled', size, bytes: () => Promise.resolve(new TextEncoder().encode(text ?? '')) }
}
