import {
  advance,
  type Database,
  declareItems,
  FinalError,
  item,
  output,
  type Report,
  stage,
  type TaskContext,
} from '../../../engine.ts'
import { seedOf, toTaskFailure } from '../../content/attempt.ts'
import type { Question, QuestionProvider } from '../../content/question.ts'
import type { StudioResultOf } from '../../task-results.ts'
import { storeFiles } from '../files.ts'
import { createPreviews } from '../preview/previews.ts'
import type { FileInput, ProjectTemplate } from '../project.ts'
import type { ProjectOrder } from '../project-order.ts'
import type { GenerateRequest, Material, ProjectGenerator } from './generator.ts'
import type { ProjectGenerators } from './generators.ts'

/** Number of questions generated for a quiz or flash-card page when there is no quiz. */
const questionCount = 12

/**
 * Generates the files of a project and starts its preview: reads the material, generates questions
 * if needed, writes, launches.
 */
export async function* makeProject(
  context: TaskContext<ProjectOrder>,
  generators: ProjectGenerators,
  provider: QuestionProvider,
): AsyncGenerator<Report, StudioResultOf<'ProjectGenerated'>, void> {
  const { taskId, attempt, database, appender, input } = context
  yield stage('reading', 0, 'Reading what it is made from')
  const { projectId, title, template } = await readSubject(context)
  const seed = seedOf(taskId, attempt)
  const source = await readMaterial(database, { title, documentId: input.documentId, quizId: input.quizId })
  yield stage('asking', 0)
  const needsQuestions = (template === 'QUIZ_PAGE' || template === 'FLASH_CARDS') && source.questions.length === 0
  const material = needsQuestions
    ? { ...source, questions: yield* ask(context, provider, { material: source, template, seed }) }
    : source
  yield stage('writing', 0, 'Writing')
  const generator = template === null && generators.model !== null ? generators.model : generators.templates
  const files = yield* write(context, projectId, generator, { material, template, seed })
  yield stage('launching', 0, 'Starting the preview')
  await createPreviews({ database, appender }).launch(projectId)
  yield advance({ message: null })
  return { type: 'ProjectGenerated', projectId, fileCount: files.length }
}

/** The inputs shared by the steps. */
type Making = Pick<GenerateRequest, 'material' | 'template' | 'seed'>

/** Generates questions for a project that needs some and was given none. */
async function* ask(
  { signal }: TaskContext<ProjectOrder>,
  provider: QuestionProvider,
  { material: { title, sections }, template, seed }: Making,
): AsyncGenerator<Report, readonly Question[], void> {
  const questions: Question[] = []
  try {
    for await (const question of provider.ask({
      title,
      sections,
      count: questionCount,
      kinds: template === 'FLASH_CARDS' ? ['CLOZE'] : ['MULTIPLE_CHOICE', 'CLOZE', 'TRUE_FALSE'],
      avoid: [],
      seed,
      signal,
    })) {
      questions.push(question)
      const message = `Question ${questions.length} of ${questionCount}`
      yield stage('asking', (100 * questions.length) / questionCount, message)
    }
  } catch (error) {
    throw toTaskFailure(error)
  }
  if (questions.length > 0) return questions
  throw new FinalError('NOT_ENOUGH_TEXT', 'The document says nothing that could be asked for.', {
    advice: 'Choose a document with whole sentences, or the page for reading.',
  })
}

async function* write(
  { input: { prompt }, items, signal }: TaskContext<ProjectOrder>,
  projectId: string,
  generator: ProjectGenerator,
  making: Making,
): AsyncGenerator<Report, readonly FileInput[], void> {
  // Items that an earlier attempt finished are reported as finished already.
  const isDone = new Set(items.filter(({ status }) => status === 'COMPLETED').map(({ key }) => key))
  const open = new Set(
    items.filter(({ status }) => status !== 'COMPLETED' && status !== 'SKIPPED').map(({ key }) => key),
  )
  const files: FileInput[] = []
  let characters = 0
  try {
    for await (const report of generator.generate({ prompt, ...making, signal }))
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
      // Files of an earlier attempt that wrote other files.
      await client.query('delete from studio.project_file where project_id = $1 and not path = any($2::text[])', [
        projectId,
        files.map(({ path }) => path),
      ])
      await client.query('update studio.project set version = version + 1, updated_at = now() where id = $1', [
        projectId,
      ])
    },
  })
  return files
}

/** Estimates the progress of a project of unknown length: most have about 12,000 characters. */
function guessPercent(characters: number): number {
  return 95 * (1 - Math.exp(-characters / 8_000))
}

async function readSubject({ database, taskId }: TaskContext<ProjectOrder>): Promise<{
  readonly projectId: string
  readonly title: string
  readonly template: ProjectTemplate | null
}> {
  const { rows } = await database.pool.query<{ id: string; title: string; template: ProjectTemplate | null }>(
    'select p.id, p.title, p.template from tidings.task t join studio.project p on p.id = t.subject where t.id = $1',
    [taskId],
  )
  const [row] = rows
  if (row === undefined) throw new FinalError('PROJECT_DELETED', 'The project was deleted meanwhile.')
  return { projectId: row.id, title: row.title, template: row.template }
}

/**
 * Reads the material of a project, without the questions still to be generated.
 * @throws FinalError `SOURCE_DELETED`
 */
async function readMaterial(
  { pool }: Database,
  request: { readonly title: string; readonly documentId: string | null; readonly quizId: string | null },
): Promise<Material> {
  const { title, documentId, quizId } = request
  const [sections, questions] = await Promise.all([
    documentId === null
      ? []
      : pool
          .query<Material['sections'][number]>(
            'select key, level, heading, body from studio.section where document_id = $1 order by position',
            [documentId],
          )
          .then(({ rows }) => rows),
    quizId === null
      ? []
      : pool
          .query<{ body: Question }>(
            `select v.body from studio.question q join studio.question_version v on v.question_id = q.id and v.version = q.version
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
