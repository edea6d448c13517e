import { extname } from 'node:path'
import type { PoolClient } from 'pg'
import { z } from 'zod'
import { havePairs } from '../../db/pairs.ts'
import { TidingsError } from '../../errors.ts'
import { defineTask, type TaskContext } from '../../tasks/define-task.ts'
import { FinalError } from '../../tasks/failure.ts'
import { advance, type Report, stage } from '../../tasks/report.ts'
import type { StudioTask } from '../task-results.ts'
import { foldText } from '../text/fold.ts'
import { announceConversion } from './announce.ts'
import { type ConversionLimits, defaultLimits } from './conversion.ts'
import { convertApart } from './converter.ts'
import { createPageItems, type PageItems } from './page-items.ts'
import { type Passage, toPassages } from './passages.ts'
import { sanitize } from './sanitize.ts'
import { type DocumentStructure, structureSteps } from './structure.ts'
import { type DocumentFormat, detectFormat } from './structure-decode.ts'
import { DocumentError } from './structure-error.ts'

/** The kind of {@link defineConvertDocument}. */
export const convertDocumentKind = 'CONVERT_DOCUMENT'

const input = z.object({ documentId: z.string() })
type Input = z.infer<typeof input>

interface Source {
  readonly format: DocumentFormat
  readonly name: string
  readonly bytes: Uint8Array
}

const shares = { table: 'document_share', columns: ['document_id', 'user_id'] } as const

const deleted = (): FinalError =>
  new FinalError('DOCUMENT_DELETED', 'The document was deleted meanwhile.', { advice: 'Import it again.' })

/**
 * Converts an imported document for reading: detects its format by its content and splits it into
 * sections. Text is read in this process, step by step; all other formats in a separate process.
 * Pages are items of the task. Subject: the document.
 *
 * @param options - resource limits of a conversion; see `ConversionLimits` for the defaults
 */
export function defineConvertDocument(options: Partial<ConversionLimits> = {}): StudioTask<Input> {
  const limits = { ...defaultLimits, ...options }
  return defineTask({
    kind: convertDocumentKind,
    input,
    attempts: 3,
    concurrency: 2,
    stages: { receiving: 5, checking: 5, extracting: 55, structuring: 25, storing: 10 },
    async begin(client, { documentId }, { owner }) {
      const { rows } = await client.query<{ name: string; size: number }>(
        `update document set status = 'PROCESSING', error = null where id = $1 and owner = $2
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
        'select name, original from document where id = $1',
        [documentId],
      )
      const document = rows[0]
      if (document === undefined) throw deleted()
      const { name, original: bytes } = document
      yield stage('receiving', 100, `${bytes.length.toLocaleString('en')} bytes`)
      yield stage('checking')
      try {
        const source = { format: detectFormat(name, bytes), name, bytes }
        const structure = yield* isText(source) ? readText(source, limits, context) : readApart(source, limits, context)
        yield stage('storing', 0, `${structure.sections.length} sections`)
        yield advance({
          stagePercent: 100,
          commit: (client) => storeStructure(client, documentId, source.format, structure),
        })
        return {
          type: 'ConvertDocumentResult',
          documentId,
          sectionCount: structure.sections.length,
          wordCount: structure.wordCount,
        }
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
        await client.query(`update document set status = 'READY', error = null where id = $1`, [documentId])
      else
        await client.query(`update document set status = 'FAILED', error = $2 where id = $1`, [
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

type TextSource = Source & { readonly format: 'MARKDOWN' | 'PLAIN_TEXT' }

function isText(source: Source): source is TextSource {
  return source.format === 'MARKDOWN' || source.format === 'PLAIN_TEXT'
}

/** Without extraction, building the structure is nearly all of the work. */
const textPercent = { from: 10, to: 90 }

async function* readText(
  { format, name, bytes }: TextSource,
  { maxBytes }: ConversionLimits,
  { signal }: TaskContext<Input>,
): AsyncGenerator<Report, DocumentStructure, void> {
  yield stage('structuring')
  const steps = structureSteps({ format, bytes, name, maxBytes }, signal)
  for (;;) {
    const step = await steps.next()
    if (step.done === true) return sanitize(step.value)
    const part = step.value.done / Math.max(1, step.value.total)
    const { from, to } = textPercent
    yield advance({ stagePercent: part * 100, percent: from + part * (to - from) })
  }
}

async function* readApart(
  source: Source,
  limits: ConversionLimits,
  { signal, logger, items: known }: TaskContext<Input>,
): AsyncGenerator<Report, DocumentStructure, void> {
  const { format, bytes, name } = source
  if (format === 'MARKDOWN' || format === 'PLAIN_TEXT') throw new TypeError(`${format} is read here`)
  if (bytes.length > limits.maxBytes)
    throw new DocumentError('TOO_LARGE', `The document has ${bytes.length} bytes; at most ${limits.maxBytes} are read`)
  const steps = convertApart({ format, bytes, name, limits }, { signal, logger })
  let pages: PageItems | undefined
  let count = 0
  let isChecked = false
  try {
    for (;;) {
      const step = await steps.next()
      if (step.done === true) return step.value
      const { value } = step
      if (value.is !== 'checking' && !isChecked) {
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
          pages = createPageItems(value.labels, known)
          count = value.labels.length
          yield pages.declared
          break
        case 'page':
          yield advance({ stagePercent: (value.number / count) * 100, message: `Page ${value.number} of ${count}` })
          yield* pages?.done(value.number, value.isBroken) ?? []
          break
        case 'structuring':
          yield stage('structuring', value.percent)
          break
      }
    }
  } finally {
    // Kills the process when the task is asked to stop.
    await steps.return?.(undefined as never)
  }
}

async function storeStructure(
  client: PoolClient,
  documentId: string,
  format: DocumentFormat,
  structure: DocumentStructure,
): Promise<void> {
  const { title, wordCount, notes, links, sections, pages = [] } = structure
  const { rowCount } = await client.query(
    'update document set title = $2, format = $3, word_count = $4, notes = $5, links = $6, pages = $7 where id = $1',
    [documentId, title, format, wordCount, JSON.stringify(notes), JSON.stringify(links), JSON.stringify(pages)],
  )
  if (rowCount === 0) throw deleted()
  // An earlier attempt may have stored some.
  await client.query('delete from section where document_id = $1', [documentId])
  await client.query('delete from passage where document_id = $1', [documentId])
  await client.query(
    `insert into section (document_id, key, position, level, heading, body, page)
     select $1, s.key, s.position, s.level, s.heading, s.body, s.page
     from jsonb_to_recordset($2::jsonb) as s(key text, position int, level smallint, heading text, body text, page int)`,
    [documentId, JSON.stringify(sections)],
  )
  await client.query(
    `insert into passage (document_id, position, section_key, page, heading, text, search)
     select $1, p.position, p."sectionKey", p.page, p.heading, p.text,
       setweight(to_tsvector('simple', p."foldedHeading"), 'A') || setweight(to_tsvector('english', p."foldedHeading"), 'A') ||
       to_tsvector('simple', p."foldedText") || to_tsvector('english', p."foldedText")
     from jsonb_to_recordset($2::jsonb)
       as p(position int, "sectionKey" text, page int, heading text, text text, "foldedHeading" text, "foldedText" text)`,
    [documentId, JSON.stringify(Array.from(toPassages(structure), toSearchable))],
  )
}

/** Adds the folded heading and text of a passage, which search uses. */
function toSearchable(passage: Passage): Passage & { readonly foldedHeading: string; readonly foldedText: string } {
  return { ...passage, foldedHeading: foldText(passage.heading), foldedText: foldText(passage.text) }
}
