import type { PoolClient } from 'pg'
import { z } from 'zod'
import { TidingsError } from '../../errors.ts'
import { defineTask, type TaskDefinition } from '../../tasks/define-task.ts'
import { FinalError } from '../../tasks/failure.ts'
import { advance, stage } from '../../tasks/report.ts'
import { type DocumentStructure, structureSteps } from './structure.ts'
import { detectFormat } from './structure-decode.ts'
import { DocumentError } from './structure-error.ts'

/** The kind of {@link defineConvertDocument}. */
export const convertDocumentKind = 'CONVERT_DOCUMENT'

const input = z.object({ documentId: z.string() })

/**
 * Converts an imported document for reading: what it is, its content says; what it consists of becomes sections.
 * Subject: the document.
 *
 * @param options.maxBytes - largest document
 */
export function defineConvertDocument(options: { readonly maxBytes: number }): TaskDefinition<z.infer<typeof input>> {
  return defineTask({
    kind: convertDocumentKind,
    input,
    attempts: 3,
    concurrency: 2,
    stages: { receiving: 5, checking: 5, structuring: 70, storing: 20 },
    async begin(client, { documentId }, { owner }) {
      const { rowCount } = await client.query(
        `update document set status = 'PROCESSING', error = null where id = $1 and owner = $2`,
        [documentId, owner],
      )
      if (rowCount === 0)
        throw new TidingsError('NOT_FOUND', `There is no document "${documentId}"`, { id: documentId })
      return { subject: documentId }
    },
    async *run({ input: { documentId }, database, signal }) {
      yield stage('receiving')
      const { rows } = await database.pool.query<{ name: string; original: Buffer }>(
        'select name, original from document where id = $1',
        [documentId],
      )
      const document = rows[0]
      if (document === undefined)
        throw new FinalError('DOCUMENT_DELETED', 'The document was deleted meanwhile.', { advice: 'Import it again.' })
      const { name, original } = document
      yield stage('receiving', 100, `${original.length.toLocaleString('en')} bytes`)
      yield stage('checking')
      try {
        const format = detectFormat(name, original)
        yield stage('structuring')
        const steps = structureSteps({ format, bytes: original, name, maxBytes: options.maxBytes }, signal)
        let structure: DocumentStructure
        for (;;) {
          const step = await steps.next()
          if (step.done === true) {
            structure = step.value
            break
          }
          yield advance({ stagePercent: (step.value.done / Math.max(1, step.value.total)) * 100 })
        }
        yield stage('storing', 0, `${structure.sections.length} sections`)
        yield advance({ stagePercent: 100, commit: (client) => storeStructure(client, documentId, format, structure) })
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

async function storeStructure(
  client: PoolClient,
  documentId: string,
  format: string,
  structure: DocumentStructure,
): Promise<void> {
  const { title, wordCount, notes, links, sections } = structure
  await client.query(
    'update document set title = $2, format = $3, word_count = $4, notes = $5, links = $6 where id = $1',
    [documentId, title, format, wordCount, JSON.stringify(notes), JSON.stringify(links)],
  )
  // An earlier attempt may have stored some.
  await client.query('delete from section where document_id = $1', [documentId])
  await client.query(
    `insert into section (document_id, key, position, level, heading, body)
     select $1, s.key, s.position, s.level, s.heading, s.body
     from jsonb_to_recordset($2::jsonb) as s(key text, position int, level smallint, heading text, body text)`,
    [documentId, JSON.stringify(sections)],
  )
}
