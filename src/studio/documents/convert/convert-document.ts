import { extname } from 'node:path'
import type { PoolClient } from 'pg'
import { z } from 'zod'
import {
  type Announcement,
  advance,
  createTaskDefinition,
  type Ending,
  FinalError,
  havePairs,
  type Report,
  stage,
  type TaskContext,
  TidingsError,
} from '../../../engine.ts'
import type { StudioTask } from '../../task-results.ts'
import { quote } from '../../text/text.ts'
import { createPageItems, type PageItems } from '../pdf/page-items.ts'
import { DocumentError } from '../structure/structure-error.ts'
import { type ConversionLimits, type ConvertedDocument, defaultLimits } from './conversion.ts'
import { convertApart } from './converter.ts'

/** The kind of {@link defineConvertDocument}. */
export const convertDocumentKind = 'CONVERT_DOCUMENT'

const input = z.object({ documentId: z.string() })
type Input = z.infer<typeof input>

interface Source {
  readonly name: string
  readonly bytes: Uint8Array
}

const shares = { table: 'studio.document_share', columns: ['document_id', 'user_id'] } as const

const deleted = (): FinalError =>
  new FinalError('DOCUMENT_DELETED', 'The document was deleted meanwhile.', { advice: 'Import it again.' })

/**
 * Converts an imported document for reading: detects its format by its content and splits it into
 * sections, in a separate process. Pages are items of the task. Subject: the document.
 *
 * @param options - resource limits of a conversion; see `ConversionLimits` for the defaults
 * @param convert - reads the file; in a sandboxed process by default
 */
export function defineConvertDocument(
  options: Partial<ConversionLimits> = {},
  convert: typeof convertApart = convertApart,
): StudioTask<Input> {
  const limits = { ...defaultLimits, ...options }
  return createTaskDefinition({
    kind: convertDocumentKind,
    input,
    attempts: 3,
    concurrency: 2,
    stages: { receiving: 5, checking: 5, extracting: 55, structuring: 25, storing: 10 },
    async begin(client, { documentId }, { owner }) {
      const { rows } = await client.query<{ name: string; size: number }>(
        `update studio.document set status = 'PROCESSING', error = null where id = $1 and owner = $2
         returning name, size_bytes as size`,
        [documentId, owner],
      )
      const [document] = rows
      if (document === undefined)
        throw new TidingsError('NOT_FOUND', `There is no document "${documentId}"`, { id: documentId })
      // By its name: the content is read, and its format detected, when the task runs.
      return { subject: documentId, size: document.size, variant: extname(document.name).toLowerCase().slice(0, 16) }
    },
    async *run(context) {
      const { documentId } = context.input
      yield stage('receiving')
      const { rows } = await context.database.pool.query<{ name: string; original: Buffer }>(
        'select name, original from studio.document where id = $1',
        [documentId],
      )
      const document = rows[0]
      if (document === undefined) throw deleted()
      const { name, original: bytes } = document
      yield stage('receiving', 100, `${bytes.length.toLocaleString('en')} bytes`)
      yield stage('checking')
      try {
        const converted = yield* read({ name, bytes }, { limits, convert }, context)
        const { sectionCount, wordCount } = converted
        yield stage('storing', 0, `${sectionCount} sections`)
        yield advance({ stagePercent: 100, commit: (client) => store(client, documentId, converted) })
        return { type: 'ConvertDocumentResult', documentId, sectionCount, wordCount }
      } catch (error) {
        if (error instanceof DocumentError)
          throw new FinalError(error.code, error.message, { advice: error.advice, cause: error })
        throw error
      }
    },
    mayWatch: (database, readers) => havePairs(database, shares, readers),
    announce: (client, { documentId }, ending) => announceConversion(client, documentId, ending),
    async settle(client, { documentId }, { status, error }) {
      if (status === 'COMPLETED')
        await client.query(`update studio.document set status = 'READY', error = null where id = $1`, [documentId])
      else
        await client.query(`update studio.document set status = 'FAILED', error = $2 where id = $1`, [
          documentId,
          JSON.stringify(
            error ?? {
              code: 'CANCELED',
              message: 'The conversion was canceled.',
              retryable: false,
              advice: 'Retry the task to convert it after all.',
            },
          ),
        ])
    },
  })
}

/** Without extraction, building the structure is nearly all of the work. */
const textPercent = { from: 10, to: 90 }

async function* read(
  source: Source,
  { limits, convert }: { readonly limits: ConversionLimits; readonly convert: typeof convertApart },
  { signal, logger, items: previousItems }: TaskContext<Input>,
): AsyncGenerator<Report, ConvertedDocument, void> {
  const { bytes, name } = source
  if (bytes.length > limits.maxBytes)
    throw new DocumentError('TOO_LARGE', `The document has ${bytes.length} bytes; at most ${limits.maxBytes} are read`)
  const steps = convert({ bytes, name, limits }, { signal, logger })
  let pages: PageItems | undefined
  let count = 0
  let isChecked = false
  let isStructuring = false
  try {
    for (;;) {
      const step = await steps.next()
      if (step.done === true) return step.value
      const { value } = step
      if (value.is !== 'checking' && value.is !== 'structuring' && !isChecked) {
        isChecked = true
        yield stage('extracting', 0, value.is === 'opened' ? `${value.labels.length} pages` : undefined)
      }
      switch (value.is) {
        case 'checking':
          yield advance({ stagePercent: value.percent })
          break
        case 'extracting':
          yield advance({ stagePercent: value.percent })
          break
        case 'opened':
          pages = createPageItems(value.labels, previousItems)
          count = value.labels.length
          yield pages.declared
          break
        case 'page':
          yield advance({ stagePercent: (value.number / count) * 100, message: `Page ${value.number} of ${count}` })
          yield* pages?.done(value.number, value.isBroken) ?? []
          break
        case 'structuring': {
          const { from, to } = textPercent
          const percent = isChecked ? {} : { percent: from + (value.percent / 100) * (to - from) }
          if (!isStructuring) yield stage('structuring')
          isStructuring = true
          yield advance({ stagePercent: value.percent, ...percent })
          break
        }
      }
    }
  } finally {
    // Kills the process when the task is asked to stop.
    await steps.return?.(undefined as never)
  }
}

async function store(client: PoolClient, documentId: string, converted: ConvertedDocument): Promise<void> {
  const { format, title, wordCount, notes, links, pages = [], sections, passages } = converted
  const { rowCount } = await client.query(
    'update studio.document set title = $2, format = $3, word_count = $4, notes = $5, links = $6, pages = $7 where id = $1',
    [documentId, title, format, wordCount, JSON.stringify(notes), JSON.stringify(links), JSON.stringify(pages)],
  )
  if (rowCount === 0) throw deleted()
  // An earlier attempt may have stored some.
  await client.query('delete from studio.section where document_id = $1', [documentId])
  await client.query('delete from studio.passage where document_id = $1', [documentId])
  for (const json of sections)
    await client.query(
      `insert into studio.section (document_id, key, position, level, heading, body, page, is_main, main_body)
     select $1, s.key, s.position, s.level, s.heading, s.body, s.page, coalesce(s."isMain", true), s."mainBody"
     from jsonb_to_recordset($2::jsonb) as s(key text, position int, level smallint, heading text, body text, page int,
       "isMain" boolean, "mainBody" text)`,
      [documentId, json],
    )
  for (const json of passages)
    await client.query(
      `insert into studio.passage (document_id, position, section_key, page, heading, text, search)
     select $1, p.position, p."sectionKey", p.page, p.heading, p.text,
       setweight(to_tsvector('simple', p."foldedHeading"), 'A') || setweight(to_tsvector('english', p."foldedHeading"), 'A') ||
       to_tsvector('simple', p."foldedText") || to_tsvector('english', p."foldedText")
     from jsonb_to_recordset($2::jsonb)
       as p(position int, "sectionKey" text, page int, heading text, text text, "foldedHeading" text, "foldedText" text)`,
      [documentId, json],
    )
}

/** Describes the end of a conversion for its owner; null when the document no longer exists. */
async function announceConversion(
  client: PoolClient,
  documentId: string,
  { status }: Ending,
): Promise<Announcement | null> {
  const { rows } = await client.query<{ name: string }>('select name from studio.document where id = $1', [documentId])
  const [document] = rows
  if (document === undefined) return null
  const name = quote(document.name)
  return { title: status === 'COMPLETED' ? `${name} is ready to read` : `${name} could not be read` }
}
