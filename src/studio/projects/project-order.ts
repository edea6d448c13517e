import type { PoolClient } from 'pg'
import { z } from 'zod'
import { TidingsError } from '../../engine.ts'
import { shorten } from '../text/text.ts'
import { templateOf } from './generate/templates.ts'
import { type ProjectTemplate, projectLimits } from './project.ts'

/** The request for a project: the input of the task that creates it. */
export const projectOrder = z.object({
  prompt: z.string().max(projectLimits.maxPromptCharacters),
  documentId: z.string().nullable().default(null),
  quizId: z.string().nullable().default(null),
  template: z.enum(['READING_PAGE', 'QUIZ_PAGE', 'FLASH_CARDS']).nullable().default(null),
})
/** A {@link projectOrder}. */
export type ProjectOrder = z.infer<typeof projectOrder>

/**
 * Determines the template and material of a project.
 * @throws TidingsError `NOT_FOUND`, `CONFLICT`, `BAD_INPUT`
 */
export async function decideProject(
  client: PoolClient,
  { prompt, documentId, quizId, template }: ProjectOrder,
  owner: string,
  hasModel: boolean,
): Promise<{ readonly title: string; readonly template: ProjectTemplate | null }> {
  let title = shorten(prompt, 80)
  if (documentId !== null) {
    const { rows } = await client.query<{ status: string; title: string }>(
      `select status, title from studio.document d where id = $1
         and (owner = $2 or exists (select from studio.document_share where document_id = d.id and user_id = $2)) for share of d`,
      [documentId, owner],
    )
    const [document] = rows
    if (document === undefined)
      throw new TidingsError('NOT_FOUND', `There is no document "${documentId}"`, { id: documentId })
    if (document.status !== 'READY')
      throw new TidingsError('CONFLICT', `Document "${documentId}" cannot be read yet; wait until it is READY`)
    title = document.title
  }
  if (quizId !== null) {
    const { rows } = await client.query<{ status: string; title: string }>(
      'select status, title from studio.quiz where id = $1 and owner = $2 for share',
      [quizId, owner],
    )
    const [quiz] = rows
    if (quiz === undefined) throw new TidingsError('NOT_FOUND', `There is no quiz "${quizId}"`, { id: quizId })
    if (quiz.status === 'GENERATING')
      throw new TidingsError('CONFLICT', `Quiz "${quizId}" is still being made; wait until it is a DRAFT`)
    title = quiz.title
  }
  const templateName =
    template ?? (hasModel ? null : quizId !== null && documentId === null ? quizTemplateOf(prompt) : templateOf(prompt))
  const issue = (path: string, message: string): TidingsError =>
    new TidingsError('BAD_INPUT', message, { issues: [{ path, message }] })
  if (templateName === null && prompt.trim() === '') throw issue('prompt', 'say what the project is to be')
  if (templateName !== null && documentId === null && quizId === null)
    throw issue('documentId', 'a template needs a document or a quiz to be filled with')
  if (templateName === 'READING_PAGE' && documentId === null)
    throw issue('documentId', 'a page for reading needs a document')
  return { title: title === '' ? 'Untitled' : title, template: templateName }
}

/** A quiz alone is not enough for a reading page. */
function quizTemplateOf(prompt: string): ProjectTemplate {
  const template = templateOf(prompt)
  return template === 'READING_PAGE' ? 'QUIZ_PAGE' : template
}
