import { createHash } from 'node:crypto'
import type { PoolClient } from 'pg'
import { z } from 'zod'
import { TidingsError } from '../../errors.ts'
import { createTopic } from '../../log/topic.ts'
import { defineTask, type Ending, type TaskContext, type TaskDefinition } from '../../tasks/define-task.ts'
import { FinalError, RetryableError } from '../../tasks/failure.ts'
import { advance, declareItems, item, output, stage } from '../../tasks/report.ts'
import { ContentError } from '../content/provider.ts'
import type { Question, QuestionProvider } from '../content/question.ts'
import { shorten } from '../text/words.ts'
import { announceProject } from './announce.ts'
import { storeFiles } from './files.ts'
import type { Material, ProjectGenerator } from './generator.ts'
import type { ProjectGenerators } from './generators.ts'
import { readMaterial } from './material.ts'
import { previewTopic } from './preview.ts'
import { createPreviews } from './previews.ts'
import { type FileInput, type ProjectTemplate, projectLimits } from './project.ts'
import { templateOf } from './templates.ts'

/** The kind of {@link defineGenerateProject}. */
export const generateProjectKind = 'GENERATE_PROJECT'
/** Questions that are made for a page of questions or cards when there is no quiz. */
const questionCount = 12

const input = z.object({
  prompt: z.string().max(projectLimits.maxPromptCharacters),
  documentId: z.string().nullable().default(null),
  quizId: z.string().nullable().default(null),
  template: z.enum(['READING_PAGE', 'QUIZ_PAGE', 'FLASH_CARDS']).nullable().default(null),
})
type Input = z.infer<typeof input>

/** The project that a task of this kind makes: its subject. One task, one project, also when it is attempted again. */
export function projectIdOf(taskId: string): string {
  return taskId.replace(/^task_/, 'project_')
}

/**
 * Makes a project, file by file, and starts its preview. Subject: the project; items: its files, by name; output: the text of each,
 * in streams of the same names, with `#2` behind it where one is written a second time.
 */
export function defineGenerateProject(options: {
  readonly generators: ProjectGenerators
  readonly questions: QuestionProvider
}): TaskDefinition<Input> {
  const { generators, questions } = options
  return defineTask({
    kind: generateProjectKind,
    input,
    attempts: 3,
    concurrency: 2,
    stages: { reading: 5, asking: 20, writing: 70, launching: 5 },
    async begin(client, request, { taskId, owner, retriedSubject }) {
      const { title, template } = await decide(client, request, owner, generators.model !== null)
      const projectId = retriedSubject ?? projectIdOf(taskId)
      if (retriedSubject === null) {
        await client.query(
          `insert into project (id, owner, title, prompt, template, document_id, quiz_id, status)
           values ($1, $2, $3, $4, $5, $6, $7, 'GENERATING')`,
          [projectId, owner, title, request.prompt, template, request.documentId, request.quizId],
        )
        await client.query(`insert into project_preview (project_id, status) values ($1, 'STOPPED')`, [projectId])
        await createTopic(client, previewTopic(projectId))
      } else {
        const { rowCount } = await client.query(
          `update project set status = 'GENERATING', note = null, error = null
           where id = $1 and owner = $2 and status = 'FAILED'`,
          [projectId, owner],
        )
        if (rowCount === 0)
          throw new TidingsError('CONFLICT', `Project "${title}" has its files, or is gone; make a new one instead`)
      }
      return { subject: projectId }
    },
    run: (context) => run(context, generators, questions),
    settle: (client, _, ending) => settle(client, ending),
    announce: (client, _, ending) =>
      announceProject(client, ending, { completed: 'is ready', failed: 'could not be finished' }),
  })
}

async function* run(context: TaskContext<Input>, generators: ProjectGenerators, provider: QuestionProvider) {
  const { taskId, attempt, database, appender, signal, input: request } = context
  yield stage('reading', 0, 'Reading what it is made from')
  const { projectId, title, template } = await readSubject(context)
  const seed = createHash('sha256').update(`${taskId}#${attempt}`).digest().readUInt32BE(0)
  let material = await readMaterial(database, { title, documentId: request.documentId, quizId: request.quizId })
  yield stage('asking', 0)
  const needsQuestions = template === 'QUIZ_PAGE' || template === 'FLASH_CARDS'
  if (needsQuestions && material.questions.length === 0) {
    const questions: Question[] = []
    try {
      for await (const question of provider.ask({
        title,
        sections: material.sections,
        count: questionCount,
        kinds: template === 'FLASH_CARDS' ? ['CLOZE'] : ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE'],
        avoid: [],
        seed,
        signal,
      })) {
        questions.push(question)
        yield stage(
          'asking',
          (100 * questions.length) / questionCount,
          `Question ${questions.length} of ${questionCount}`,
        )
      }
    } catch (error) {
      throw toTaskFailure(error)
    }
    if (questions.length === 0)
      throw new FinalError('NOT_ENOUGH_TEXT', 'The document says nothing that could be asked for.', {
        advice: 'Choose a document with whole sentences, or the page for reading.',
      })
    material = { ...material, questions }
  }
  yield stage('writing', 0, 'Writing')
  const generator = template === null && generators.model !== null ? generators.model : generators.templates
  const files = yield* write(context, projectId, generator, { material, template, seed })
  yield stage('launching', 0, 'Starting the preview')
  await createPreviews({ database, appender }).launch(projectId)
  yield advance({ message: null })
  return { type: 'ProjectGenerated', projectId, fileCount: files.length }
}

async function* write(
  { input: { prompt }, items, signal }: TaskContext<Input>,
  projectId: string,
  generator: ProjectGenerator,
  request: { readonly material: Material; readonly template: ProjectTemplate | null; readonly seed: number },
) {
  // What an earlier attempt has finished is told as finished already.
  const isDone = new Set(items.filter(({ status }) => status === 'COMPLETED').map(({ key }) => key))
  const open = new Set(
    items.filter(({ status }) => status !== 'COMPLETED' && status !== 'SKIPPED').map(({ key }) => key),
  )
  const files: FileInput[] = []
  let characters = 0
  try {
    for await (const report of generator.generate({ prompt, ...request, signal }))
      switch (report.is) {
        case 'files': {
          const unknown = report.paths.filter((path) => !isDone.has(path) && !open.has(path))
          yield declareItems(unknown.map((path) => ({ key: path, label: path })))
          for (const path of unknown) open.add(path)
          break
        }
        case 'file': {
          const { path } = report
          if (isDone.has(path)) break
          if (!open.has(path)) yield declareItems([{ key: path, label: path }])
          open.add(path)
          yield item.started(path)
          yield advance({ message: `Writing ${path}` })
          break
        }
        case 'text':
          yield output(report.stream, report.text)
          characters += report.text.length
          if (report.percent === undefined) yield advance({ stagePercent: guessPercent(characters) })
          else if (open.has(report.stream)) yield item.advanced(report.stream, report.percent)
          break
        case 'note':
          yield advance({ message: report.message })
          break
        case 'done': {
          const { file } = report
          files.push(file)
          if (isDone.has(file.path)) break
          open.delete(file.path)
          yield item.completed(file.path, (client) => storeFiles(client, projectId, [file]))
          break
        }
      }
  } catch (error) {
    throw toTaskFailure(error)
  }
  for (const path of open) yield item.skipped(path)
  yield advance({
    stagePercent: 100,
    commit: async (client) => {
      // Of an attempt that wrote other files.
      await client.query('delete from project_file where project_id = $1 and not path = any($2::text[])', [
        projectId,
        files.map(({ path }) => path),
      ])
      await client.query('update project set version = version + 1, updated_at = now() where id = $1', [projectId])
    },
  })
  return files
}

/** How far a project is of which nobody knows how long it will be: most have some 12,000 characters. */
function guessPercent(characters: number): number {
  return 95 * (1 - Math.exp(-characters / 8_000))
}

/** What is made, and from what. @throws TidingsError `NOT_FOUND`, `CONFLICT`, `BAD_INPUT` */
async function decide(
  client: PoolClient,
  { prompt, documentId, quizId, template }: Input,
  owner: string,
  hasModel: boolean,
): Promise<{ readonly title: string; readonly template: ProjectTemplate | null }> {
  let title = shorten(prompt, 80)
  if (documentId !== null) {
    const { rows } = await client.query<{ status: string; title: string }>(
      `select status, title from document d where id = $1
         and (owner = $2 or exists (select from document_share where document_id = d.id and user_id = $2)) for share of d`,
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
      'select status, title from quiz where id = $1 and owner = $2 for share',
      [quizId, owner],
    )
    const [quiz] = rows
    if (quiz === undefined) throw new TidingsError('NOT_FOUND', `There is no quiz "${quizId}"`, { id: quizId })
    if (quiz.status === 'GENERATING')
      throw new TidingsError('CONFLICT', `Quiz "${quizId}" is still being made; wait until it is a DRAFT`)
    title = quiz.title
  }
  const chosen =
    template ?? (hasModel ? null : quizId !== null && documentId === null ? quizTemplateOf(prompt) : templateOf(prompt))
  const issue = (path: string, message: string): TidingsError =>
    new TidingsError('BAD_INPUT', message, { issues: [{ path, message }] })
  if (chosen === null && prompt.trim() === '') throw issue('prompt', 'say what the project is to be')
  if (chosen !== null && documentId === null && quizId === null)
    throw issue('documentId', 'a template needs a document or a quiz to be filled with')
  if (chosen === 'READING_PAGE' && documentId === null) throw issue('documentId', 'a page for reading needs a document')
  return { title: title === '' ? 'Untitled' : title, template: chosen }
}

/** A quiz alone makes no page for reading. */
function quizTemplateOf(prompt: string): ProjectTemplate {
  const template = templateOf(prompt)
  return template === 'READING_PAGE' ? 'QUIZ_PAGE' : template
}

async function readSubject({ database, taskId }: TaskContext<Input>): Promise<{
  readonly projectId: string
  readonly title: string
  readonly template: ProjectTemplate | null
}> {
  const { rows } = await database.pool.query<{ id: string; title: string; template: ProjectTemplate | null }>(
    'select p.id, p.title, p.template from task t join project p on p.id = t.subject where t.id = $1',
    [taskId],
  )
  const [row] = rows
  if (row === undefined) throw new FinalError('PROJECT_DELETED', 'The project was deleted meanwhile.')
  return { projectId: row.id, title: row.title, template: row.template }
}

/** A project without its page has nothing to show; anything beyond that stays, however the task ended. */
async function settle(client: PoolClient, { taskId, status, error }: Ending): Promise<void> {
  const failure =
    status === 'COMPLETED'
      ? null
      : (error ?? {
          code: 'CANCELED',
          message: 'Making the project was canceled.',
          retryable: false,
          advice: 'Retry the task to have it after all.',
        })
  await client.query(
    `update project set status = $2, error = $3, updated_at = now()
     where id = (select subject from task where id = $1) and status = 'GENERATING'`,
    [taskId, status === 'COMPLETED' ? 'READY' : 'FAILED', failure === null ? null : JSON.stringify(failure)],
  )
}

/** The failure of a task for that of a provider: one that may pass is tried again. Anything else is handed back as it is. */
function toTaskFailure(error: unknown): unknown {
  if (!(error instanceof ContentError)) return error
  const { code, message, advice, retryAfterMs } = error
  if (!error.retryable) return new FinalError(code, message, { advice, cause: error })
  return new RetryableError(code, message, {
    advice,
    cause: error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
