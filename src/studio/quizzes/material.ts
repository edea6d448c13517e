import type { Pool, PoolClient } from 'pg'
import { type Database, FinalError } from '../../engine.ts'
import type { QuestionSection } from '../content/question.ts'
import type { QuestionBody } from './quiz.ts'

/**
 * Reads the text that a quiz is generated from: the main content of the document.
 * @throws FinalError `DOCUMENT_DELETED`
 */
export async function readDocument(
  { pool }: Database,
  documentId: string | null,
): Promise<{ readonly title: string; readonly sections: readonly QuestionSection[] }> {
  const { rows } = await pool.query<{ title: string }>('select title from studio.document where id = $1', [documentId])
  const [document] = rows
  if (document === undefined)
    throw new FinalError('DOCUMENT_DELETED', 'The document was deleted meanwhile.', {
      advice: 'Import it again and make a new quiz of it.',
    })
  // Rows, since one JSON value of 25 MB blocks the process.
  const { rows: sections } = await pool.query<QuestionSection>(
    `select key, heading, coalesce(main_body, body) as body from studio.section
     where document_id = $1 and is_main order by position`,
    [documentId],
  )
  return { ...document, sections }
}

/**
 * Reads every current and former question of a quiz, including drafts of running replacements: new
 * questions must differ from all of them.
 */
export async function readAsked(client: Pool | PoolClient, quizId: string): Promise<QuestionBody[]> {
  const { rows } = await client.query<{ body: QuestionBody }>(
    `select v.body from studio.question_version v join studio.question q on q.id = v.question_id where q.quiz_id = $1
     order by q.position, v.version`,
    [quizId],
  )
  return rows.map(({ body }) => body)
}
