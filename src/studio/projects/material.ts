import type { Database } from '../../db/connect.ts'
import { FinalError } from '../../tasks/model/failure.ts'
import type { Question } from '../content/question.ts'
import type { Material } from './generator.ts'

/**
 * Reads the material of a project, without the questions still to be generated.
 * @throws FinalError `SOURCE_DELETED`
 */
export async function readMaterial(
  { pool }: Database,
  request: { readonly title: string; readonly documentId: string | null; readonly quizId: string | null },
): Promise<Material> {
  const { title, documentId, quizId } = request
  const [sections, questions] = await Promise.all([
    documentId === null
      ? []
      : pool
          .query<Material['sections'][number]>(
            'select key, level, heading, body from section where document_id = $1 order by position',
            [documentId],
          )
          .then(({ rows }) => rows),
    quizId === null
      ? []
      : pool
          .query<{ body: Question }>(
            `select v.body from question q join question_version v on v.question_id = q.id and v.version = q.version
             where q.quiz_id = $1 order by q.position, q.id`,
            [quizId],
          )
          .then(({ rows }) => rows.map(({ body }) => body)),
  ])
  if ((documentId !== null && sections.length === 0) || (quizId !== null && questions.length === 0))
    throw new FinalError('SOURCE_DELETED', 'What the project was to be made from was deleted, or is empty.', {
      advice: 'Choose another document or quiz.',
    })
  return { title, sections, questions }
}
