import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { silentLogger } from '../../../src/logger.ts'
import { createExtractiveQuestions } from '../../../src/studio/content/extractive/questions/questions.ts'
import { ContentError } from '../../../src/studio/content/provider.ts'
import { defineGenerateProject } from '../../../src/studio/projects/generate/generate-project.ts'
import type { GeneratorReport, ProjectGenerator } from '../../../src/studio/projects/generate/generator.ts'
import { createTemplateGenerator } from '../../../src/studio/projects/generate/templates.ts'
import { createPreviewKeeper } from '../../../src/studio/projects/preview/preview-keeper.ts'
import { defineSyncProject } from '../../../src/studio/projects/sync-project.ts'
import { createChecker } from '../../../src/studio/projects/syntax/checker.ts'
import { defineGenerateQuiz } from '../../../src/studio/quizzes/generate-quiz.ts'
import { createQuizLog } from '../../../src/studio/quizzes/updates.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { type ApiFixture, startApi, viewerOf } from '../../support/api.ts'

const bread = `# Bread

## Dough

A dough needs flour, water, salt and time. Flour gives structure, because gluten forms when water reaches its proteins. Salt slows the yeast down and keeps the crumb tight. A <script>alert("x")</script> is no ingredient.

## Baking

A hot oven makes the loaf rise once more. Steam keeps the crust soft until the loaf has reached its full volume. The crust is done when its temperature has reached ninety-six degrees.
`
const [owner, stranger] = [viewerOf('u_owner'), viewerOf('u_stranger')]

/** A model with reports set by the test. */
let write: () => AsyncGenerator<GeneratorReport> = async function* () {
  yield* []
}
const model: ProjectGenerator = { name: 'scripted', generate: () => write() }
let api: ApiFixture
/** The same, with a model. */
let withModel: ApiFixture
beforeAll(async () => {
  const questions = createExtractiveQuestions()
  const templates = createTemplateGenerator({ paceMs: 0 })
  api = await startApi({}, ({ appender }) => [
    defineGenerateProject({ generators: { templates, model: null }, questions }),
    defineGenerateQuiz(questions, createQuizLog(appender)),
    defineSyncProject(),
  ])
  withModel = await startApi({}, [
    defineGenerateProject({ generators: { templates, model }, questions }),
    defineSyncProject(),
  ])
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await withModel[Symbol.asyncDispose]()
})

const failures = `... on Error { __typename message } ... on InvalidInputError { issues { path message } } ... on ConflictError { runningTask { id } }`
const fields = `fragment P on Project { id title template status version error { code } activeTask { id }
  files { path content sizeBytes language } lastSync { status error { code message problems { path line column message } } }
  preview { status address version error { code } } }`
interface ProjectData {
  readonly id: string
  readonly title: string
  readonly template: string | null
  readonly status: string
  readonly version: number
  readonly error: { readonly code: string } | null
  readonly activeTask: { readonly id: string } | null
  readonly files: readonly {
    readonly path: string
    readonly content: string
    readonly sizeBytes: number
    readonly language: string
  }[]
  readonly lastSync: {
    readonly status: string
    readonly error: { readonly code: string; readonly problems: readonly object[] } | null
  } | null
  readonly preview: {
    readonly status: string
    readonly address: string | null
    readonly version: number
    readonly error: unknown
  }
}
interface Answer {
  readonly __typename?: string
  readonly message?: string
  readonly issues?: readonly { readonly path: string; readonly message: string }[]
  readonly project?: { readonly id: string }
  readonly task?: { readonly id: string } | null
}

const generate = async (
  variables: Record<string, unknown>,
  { viewer = owner, on = api }: { viewer?: Viewer; on?: ApiFixture } = {},
): Promise<Answer> => {
  const { answer }: { answer: Answer } = await on.run(
    `mutation ($prompt: String!, $documentId: ID, $quizId: ID, $template: ProjectTemplate, $key: String) {
      answer: generateProject(input: { prompt: $prompt, documentId: $documentId, quizId: $quizId, template: $template, idempotencyKey: $key }) {
        ${failures} ... on GenerateProjectSuccess { project { id } task { id } } } }`,
    { prompt: 'A page to read', ...variables },
    viewer,
  )
  return answer
}
const project = async (
  id: string,
  { viewer = owner, on = api }: { viewer?: Viewer; on?: ApiFixture } = {},
): Promise<ProjectData> => {
  const data: { project: ProjectData | null } = await on.run(
    `query ($id: ID!) { project(id: $id) { ...P } } ${fields}`,
    { id },
    viewer,
  )
  if (data.project === null) throw new Error('There is no such project')
  return data.project
}
const end = async (taskId: string, on: ApiFixture = api): Promise<void> => {
  await on.history(await on.get({ id: taskId }))
}
const idOf = ({ project: made }: Answer): string => {
  if (made === undefined) throw new Error('No project was made')
  return made.id
}
const taskOf = ({ task, message }: Answer): string => {
  if (task === undefined || task === null) throw new Error(message ?? 'No task was started')
  return task.id
}
const make = async (variables: Record<string, unknown> = {}): Promise<ProjectData> => {
  const documentId = await api.importText(bread, owner)
  const answer = await generate({ documentId, ...variables })
  await end(taskOf(answer))
  return project(idOf(answer))
}
type File = { readonly path: string; readonly content: string }
const filesOf = ({ files }: ProjectData): File[] => files.map(({ path, content }) => ({ path, content }))
const sync = async (
  projectId: string,
  files: readonly File[],
  rest: Record<string, unknown> = {},
  viewer = owner,
): Promise<Answer> => {
  const { answer }: { answer: Answer } = await api.run(
    `mutation ($projectId: ID!, $files: [ProjectFileInput!]!, $version: Int, $key: String) {
      answer: syncProject(input: { projectId: $projectId, files: $files, expectedVersion: $version, idempotencyKey: $key }) {
        ${failures} ... on SyncProjectSuccess { project { id } task { id } } } }`,
    { projectId, files, ...rest },
    viewer,
  )
  return answer
}
const update = async (variables: Record<string, unknown>, viewer = owner): Promise<Answer> => {
  const { answer }: { answer: Answer } = await api.run(
    `mutation ($projectId: ID!, $path: String!, $content: String!, $version: Int) {
      answer: updateProjectFile(input: { projectId: $projectId, path: $path, content: $content, expectedVersion: $version }) {
        ${failures} ... on UpdateProjectFileSuccess { project { id version } } } }`,
    variables,
    viewer,
  )
  return answer
}

const watchTask = `subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename
  progress { percent stage message } ... on TaskItemStarted { item { key } } ... on TaskItemCompleted { item { key label } }
  ... on TaskItemFailed { item { key label error { message problems { path line } } } }
  ... on TaskOutput { stream offset text } ... on TaskFailed { error { code message advice problems { path line column message } } }
  ... on TaskCompleted { result { __typename ... on ProjectGenerated { fileCount project { status } }
    ... on ProjectSynced { version writtenCount removedCount } } } } }`
interface EventData {
  readonly __typename: string
  readonly progress: { readonly percent: number; readonly stage: string | null; readonly message: string | null }
  readonly stream?: string
  readonly text?: string
  readonly item?: { readonly key: string; readonly label: string; readonly error?: { readonly message: string } }
  readonly [key: string]: unknown
}
const eventsOf = async (taskId: string, on: ApiFixture = api): Promise<EventData[]> => {
  const events: EventData[] = []
  for await (const { taskProgress } of on.watch(watchTask, { id: taskId }, { viewer: owner }) as AsyncGenerator<{
    taskProgress: EventData
  }>)
    events.push(taskProgress)
  return events
}

describe('generateProject', () => {
  it('streams file by file, and each file equals its stream', async () => {
    const documentId = await api.importText(bread, owner)
    const answer = await generate({ documentId, prompt: 'flash cards, please' })
    expect(await project(idOf(answer))).toMatchObject({ title: 'Bread', template: 'FLASH_CARDS' })
    const events = await eventsOf(taskOf(answer))
    const made = await project(idOf(answer))
    expect(made).toMatchObject({ status: 'READY', version: 1, error: null, activeTask: null })
    expect(made.files.map(({ path }) => path)).toEqual(['app.js', 'cards.js', 'index.html', 'style.css'])
    for (const { path, content, sizeBytes } of made.files) {
      const streamed = events.filter(({ stream }) => stream === path).map(({ text }) => text)
      expect(streamed.join('')).toBe(content)
      expect(sizeBytes).toBe(Buffer.byteLength(content))
    }
    const order = events.flatMap(({ __typename, item }) => (item === undefined ? [] : [`${__typename} ${item.key}`]))
    expect(order.slice(0, 3)).toEqual([
      'TaskItemStarted index.html',
      'TaskItemCompleted index.html',
      'TaskItemStarted cards.js',
    ])
    expect([...new Set(events.map(({ progress }) => progress.stage))].filter((stage) => stage !== null)).toEqual([
      'reading',
      'asking',
      'writing',
      'launching',
    ])
    expect(events.at(-1)).toMatchObject({
      result: { __typename: 'ProjectGenerated', fileCount: 4, project: { status: 'READY' } },
    })
    expect(made.preview).toMatchObject({ status: 'READY', version: 1 })
    expect(made.preview.address).toMatch(/^http:\/\/preview\.test\/[\w-]{22}\/$/)
  })

  it.each(['READING_PAGE', 'QUIZ_PAGE', 'FLASH_CARDS'])(
    'creates a valid %s without external references',
    async (template) => {
      const made = await make({ template })
      await using checker = createChecker()
      for (const file of made.files)
        expect(
          await checker.check(
            file,
            made.files.map(({ path }) => path),
          ),
        ).toEqual([])
      const all = made.files.map(({ content }) => content).join('\n')
      expect(all).not.toContain('<script>alert')
      expect(all).toContain('Bread')
    },
  )

  it('chooses the template by the prompt, or by the available content', async () => {
    expect((await make({ prompt: 'A little quiz for my class' })).template).toBe('QUIZ_PAGE')
    expect((await make({ prompt: 'Something nice' })).template).toBe('READING_PAGE')
    expect((await make({ prompt: 'A quiz', template: 'READING_PAGE' })).template).toBe('READING_PAGE')
  })

  it('uses the questions of a quiz', async () => {
    const documentId = await api.importText(bread, owner)
    const { generateQuiz }: { generateQuiz: { quiz: { id: string }; task: { id: string } } } = await api.run(
      `mutation ($id: ID!) { generateQuiz(input: { documentId: $id, questionCount: 3 }) { ... on GenerateQuizSuccess { quiz { id } task { id } } } }`,
      { id: documentId },
      owner,
    )
    await end(generateQuiz.task.id)
    const { quiz }: { quiz: { questions: { citation: { heading: string } }[] } } = await api.run(
      `query ($id: ID!) { quiz(id: $id) { questions { citation { heading } } } }`,
      { id: generateQuiz.quiz.id },
      owner,
    )
    const answer = await generate({ quizId: generateQuiz.quiz.id, prompt: '' })
    await end(taskOf(answer))
    const made = await project(idOf(answer))
    expect(made.template).toBe('QUIZ_PAGE')
    const data = made.files.find(({ path }) => path === 'questions.js')?.content ?? ''
    expect(data.trim().split('\n')).toHaveLength(quiz.questions.length + 2)
  })

  it('refuses impossible requests, with the reason', async () => {
    expect(await generate({})).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: 'input.documentId' }],
    })
    expect(await generate({ documentId: 'document_x' })).toMatchObject({ __typename: 'NotFoundError' })
    const theirs = await api.importText(bread, stranger)
    expect(await generate({ documentId: theirs })).toMatchObject({ __typename: 'NotFoundError' })
    expect(await generate({ prompt: 'x'.repeat(4_001) })).toMatchObject({ __typename: 'InvalidInputError' })
  })

  it('links to the shared document it was generated from only while it is shared', async () => {
    const theirs = await api.importText(bread, stranger)
    await api.services.documents.share(theirs, owner.userId)
    const answer = await generate({ documentId: theirs })
    const taskId = taskOf(answer)
    await end(taskId)
    const read = async () => {
      const { project: made, task }: Record<'project' | 'task', unknown> = await api.run(
        `query ($id: ID!, $taskId: ID!) { project(id: $id) { document { title } }
          task(id: $taskId) { result { ... on ProjectGenerated { project { document { title } } } } } }`,
        { id: idOf(answer), taskId },
        owner,
      )
      return [made, task]
    }
    const document = { title: 'Bread' }
    expect(await read()).toEqual([{ document }, { result: { project: { document } } }])
    await api.services.documents.revoke(theirs, owner.userId)
    expect(await read()).toEqual([{ document: null }, { result: { project: { document: null } } }])
  })

  it('runs once per key', async () => {
    const documentId = await api.importText(bread, owner)
    const one = await generate({ documentId, key: 'once' })
    expect(idOf(await generate({ documentId, key: 'once' }))).toBe(idOf(one))
  })

  it('lets a model write, retries where that may help, and keeps no file of an abandoned attempt', async () => {
    let attempt = 0
    write = async function* () {
      attempt += 1
      const name = attempt === 1 ? 'old.js' : 'new.js'
      for (const file of [
        { path: name, content: '1' },
        { path: 'index.html', content: '<!doctype html><p>x' },
      ]) {
        yield { is: 'file', path: file.path, stream: file.path }
        yield { is: 'text', stream: file.path, text: file.content }
        if (attempt === 1 && file.path === 'index.html')
          throw new ContentError('PROVIDER_BUSY', 'Busy.', { retryable: true, advice: 'Wait.', retryAfterMs: 10 })
        yield { is: 'done', file }
      }
    }
    const answer = await generate({ prompt: 'A clock' }, { on: withModel })
    await end(taskOf(answer), withModel)
    const made = await project(idOf(answer), { on: withModel })
    expect(made).toMatchObject({ title: 'A clock', template: null, status: 'READY' })
    expect(made.files.map(({ path }) => path)).toEqual(['index.html', 'new.js'])
  })

  it('fails visibly, and can be retried as a new task', async () => {
    write = async function* () {
      yield { is: 'file', path: 'index.html', stream: 'index.html' }
      throw new ContentError('CONTENT_REFUSED', 'It refused.', { retryable: false, advice: 'Ask for something else.' })
    }
    const answer = await generate({ prompt: 'A clock' }, { on: withModel })
    await end(taskOf(answer), withModel)
    expect(await project(idOf(answer), { on: withModel })).toMatchObject({
      status: 'FAILED',
      error: { code: 'CONTENT_REFUSED' },
      files: [],
      preview: { status: 'STOPPED', address: null },
    })
    write = async function* () {
      yield { is: 'file', path: 'index.html', stream: 'index.html' }
      yield { is: 'done', file: { path: 'index.html', content: '<!doctype html>' } }
    }
    const { retryTask }: { retryTask: { task: { id: string } } } = await withModel.run(
      `mutation ($id: ID!) { retryTask(input: { taskId: $id }) { ... on RetryTaskSuccess { task { id } } } }`,
      { id: taskOf(answer) },
      owner,
    )
    await end(retryTask.task.id, withModel)
    expect(await project(idOf(answer), { on: withModel })).toMatchObject({ status: 'READY', error: null })
  })
})

describe('syncProject', () => {
  it('passes through its stages, and the preview shows the new files at the same address', async () => {
    const before = await make()
    const files = [
      ...filesOf(before).filter(({ path }) => path !== 'app.js'),
      { path: 'app.js', content: '"new"' },
      { path: 'x.txt', content: 'x' },
    ]
    const answer = await sync(before.id, files, { version: before.version })
    const events = await eventsOf(taskOf(answer))
    const stages = events.map(({ progress }) => progress.stage).filter((stage) => stage !== null)
    expect([...new Set(stages)]).toEqual(['validating', 'syncing', 'launching', 'complete'])
    expect(events.flatMap(({ progress: { stage, message } }) => (stage === 'complete' ? [message] : [])).at(-1)).toBe(
      'The preview shows version 2: 2 written, 0 removed',
    )
    const percents = events.map(({ progress }) => progress.percent)
    expect(percents).toEqual([...percents].sort((a, b) => a - b))
    // Pages are checked last.
    expect(
      events.filter(({ __typename }) => __typename === 'TaskItemCompleted').map(({ item }) => item?.label),
    ).toEqual([...files.map(({ path }) => path).filter((path) => path !== 'index.html'), 'index.html'])
    expect(events.at(-1)).toMatchObject({
      result: { __typename: 'ProjectSynced', version: 2, writtenCount: 2, removedCount: 0 },
    })
    const after = await project(before.id)
    expect(after.files.map(({ path }) => path)).toEqual([...before.files.map(({ path }) => path), 'x.txt'].sort())
    expect(after.preview).toMatchObject({ status: 'READY', version: 2, address: before.preview.address })
    await end(taskOf(await sync(before.id, filesOf(before))))
    expect(filesOf(await project(before.id))).toEqual(filesOf(before))
  })

  it('fails with every problem, with file, line and reason, and changes nothing', async () => {
    const before = await make()
    const answer = await sync(before.id, [
      { path: 'index.html', content: '<!doctype html>\n<script src="app.js"></script>' },
      { path: 'app.js', content: 'let a = 1\nlet b = ;' },
      { path: 'style.css', content: 'a { color red }\nb { color: red' },
      { path: '../evil.js', content: '' },
      { path: 'APP.js', content: '' },
    ])
    const events = await eventsOf(taskOf(answer))
    const problems = [
      { path: '../evil.js', line: null, message: expect.stringContaining('another folder') },
      { path: 'APP.js', line: null, message: expect.stringContaining('the same file') },
      { path: 'app.js', line: 2, column: 9, message: 'Unexpected token' },
      { path: 'style.css', line: 1, column: 11, message: 'Colon is expected' },
    ]
    const last = events.at(-1)
    expect(last).toMatchObject({ __typename: 'TaskFailed', error: { code: 'INVALID_FILES', problems } })
    expect(last).toMatchObject({
      error: { message: expect.stringMatching(/^4 problems in 4 files, so nothing was changed\./) },
    })
    const failed = events.filter(({ __typename }) => __typename === 'TaskItemFailed').map(({ item }) => item)
    expect(failed.map((item) => item?.label)).toEqual(['app.js', 'style.css', '../evil.js', 'APP.js'])
    expect(failed[0]?.error?.message).toBe('app.js:2:9: Unexpected token')
    const after = await project(before.id)
    expect(after).toMatchObject({ version: before.version, files: before.files, preview: before.preview })
    expect(after.lastSync).toMatchObject({ status: 'FAILED', error: { code: 'INVALID_FILES', problems } })
  })

  it('is refused when the project was changed elsewhere, and to other users', async () => {
    const made = await make()
    expect(await sync(made.id, filesOf(made), { version: 7 })).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringContaining('at version 1, not 7'),
    })
    expect(await sync(made.id, filesOf(made), {}, stranger)).toMatchObject({ __typename: 'NotFoundError' })
    expect(await sync(made.id, [{ path: 'a\0.js', content: '' }])).toMatchObject({ __typename: 'InvalidInputError' })
  })
})

describe('updateProjectFile', () => {
  it('writes one valid file, and a running preview shows it', async () => {
    const made = await make()
    const answer = await update({ projectId: made.id, path: 'app.js', content: '"other"', version: 1 })
    expect(answer).toMatchObject({ project: { version: 2 } })
    const after = await project(made.id)
    expect(after.files.find(({ path }) => path === 'app.js')?.content).toBe('"other"')
    expect(after.preview).toMatchObject({ status: 'READY', version: 2, address: made.preview.address })
    expect(await update({ projectId: made.id, path: 'more/x.css', content: 'a{b:c}' })).toMatchObject({
      project: { version: 3 },
    })
  })

  it('reports each problem and its location, and writes nothing', async () => {
    const made = await make()
    expect(await update({ projectId: made.id, path: 'app.js', content: '\nlet = =' })).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: 'input.content', message: expect.stringContaining('app.js:2:') }],
    })
    expect(await update({ projectId: made.id, path: '../x.js', content: '' })).toMatchObject({
      __typename: 'InvalidInputError',
    })
    expect(await update({ projectId: made.id, path: 'App.js', content: '' })).toMatchObject({
      __typename: 'InvalidInputError',
    })
    expect(await update({ projectId: made.id, path: 'app.js', content: '', version: 9 })).toMatchObject({
      __typename: 'ConflictError',
    })
    expect(await update({ projectId: made.id, path: 'app.js', content: '' }, stranger)).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect((await project(made.id)).version).toBe(1)
  })
})

const watchPreview = `subscription ($id: ID!, $after: Cursor) { previewStatus(projectId: $id, after: $after) {
  cursor seq preview { status address version error { code } } } }`
interface PreviewData {
  readonly cursor: string
  readonly seq: number
  readonly preview: { readonly status: string; readonly address: string | null; readonly version: number }
}
const previews = (id: string, after?: string, viewer = owner): AsyncGenerator<{ previewStatus: PreviewData }> =>
  api.watch(watchPreview, { id, after }, { viewer })
const changePreview = (what: 'startPreview' | 'stopPreview', id: string, viewer = owner): Promise<{ answer: Answer }> =>
  api.run(
    `mutation ($id: ID!) { answer: ${what}(input: { projectId: $id }) { ... on Error { __typename message } ... on ChangePreviewSuccess { preview { status address } } } }`,
    { id },
    viewer,
  )

describe('previewStatus', () => {
  it('sends the current state, then each change in order, resumes, and completes when the project is deleted', async () => {
    const { id, preview } = await make()
    const watching = previews(id)
    const next = async (): Promise<PreviewData> => {
      const { value } = await watching.next()
      return (value as { previewStatus: PreviewData }).previewStatus
    }
    const first = await next()
    expect(first.preview).toMatchObject({ status: 'READY', address: preview.address, version: 1 })
    await changePreview('stopPreview', id)
    const stopped = await next()
    expect(stopped).toMatchObject({ seq: first.seq + 1, preview: { status: 'STOPPED', address: null } })
    await changePreview('startPreview', id)
    expect((await next()).preview).toMatchObject({ status: 'STARTING', address: null })
    const ready = await next()
    expect(ready.preview.status).toBe('READY')
    // A user that had the address once does not keep it forever.
    expect(ready.preview.address).not.toBe(preview.address)
    for await (const { previewStatus } of previews(id, stopped.cursor)) {
      expect(previewStatus).toMatchObject({ seq: stopped.seq + 1, preview: { status: 'STARTING' } })
      break
    }
    await api.run('mutation ($id: ID!) { deleteProject(input: { projectId: $id }) { __typename } }', { id }, owner)
    expect((await next()).preview).toMatchObject({ status: 'STOPPED', address: null })
    expect((await watching.next()).done).toBe(true)
  })

  it('becomes FAILED without an index page, with the reason', async () => {
    const { id } = await make()
    await api.database.pool.query(`delete from studio.project_file where project_id = $1 and path = 'index.html'`, [id])
    await changePreview('startPreview', id)
    expect((await project(id)).preview).toEqual({
      status: 'FAILED',
      address: null,
      version: 1,
      error: { code: 'NO_PAGE' },
    })
  })

  it('and the preview address are sent to the owner only', async () => {
    const { id } = await make()
    await expect(previews(id, undefined, stranger).next()).rejects.toThrow('There is no project')
    await expect(project(id, { viewer: stranger })).rejects.toThrow('no such project')
    expect((await changePreview('startPreview', id, stranger)).answer.__typename).toBe('NotFoundError')
    expect((await changePreview('stopPreview', id, stranger)).answer.__typename).toBe('NotFoundError')
  })

  it('becomes STOPPED when no file has been requested for a while, and counts requests as use', async () => {
    const [idle, used] = [await make(), await make()]
    const store = api.services.projects.previews
    const keyOf = ({ preview }: ProjectData): string => preview.address?.split('/').at(-2) ?? ''
    await api.database.pool.query(
      `update studio.project_preview set used_at = now() - interval '1 hour' where project_id = any($1::text[])`,
      [[idle.id, used.id]],
    )
    expect(await store.readFile(keyOf(used), 'app.js')).not.toBeNull()
    await using keeper = createPreviewKeeper({ previews: store, idleMs: 1_800_000, logger: silentLogger })
    await keeper.look()
    expect((await project(idle.id)).preview).toMatchObject({ status: 'STOPPED', address: null })
    expect((await project(used.id)).preview).toMatchObject({ status: 'READY' })
    expect(await store.readFile(keyOf(idle), 'app.js')).toBeNull()
  })

  it('resumes a start that was interrupted by a crash', async () => {
    const { id } = await make()
    await api.database.pool.query(
      `update studio.project_preview set status = 'STARTING', changed_at = now() - interval '1 minute' where project_id = $1`,
      [id],
    )
    await api.services.projects.previews.stopIdle(1_800_000)
    expect((await project(id)).preview.status).toBe('READY')
  })
})

describe('deleteProject', () => {
  it('deletes everything of it and cancels the tasks that work on it', async () => {
    const documentId = await withModel.importText(bread, owner)
    write = async function* () {
      yield { is: 'file', path: 'index.html', stream: 'index.html' }
      yield { is: 'done', file: { path: 'index.html', content: '<!doctype html>' } }
      await new Promise(() => undefined)
    }
    const answer = await generate({ documentId, prompt: 'x' }, { on: withModel })
    await vi.waitFor(async () => expect((await project(idOf(answer), { on: withModel })).files).toHaveLength(1))
    const { deleteProject }: { deleteProject: { canceledTaskIds: string[] } } = await withModel.run(
      `mutation ($id: ID!) { deleteProject(input: { projectId: $id }) { ... on DeleteProjectSuccess { canceledTaskIds } } }`,
      { id: idOf(answer) },
      owner,
    )
    expect(deleteProject.canceledTaskIds).toEqual([taskOf(answer)])
    const { rows } = await withModel.database.pool.query('select from studio.project_file where project_id = $1', [
      idOf(answer),
    ])
    expect(rows).toEqual([])
  })

  it('leaves no written content behind, also not in the logs', async () => {
    const { id } = await make()
    await end(taskOf(await sync(id, [{ path: 'index.html', content: '<!doctype html>unforgettable' }])))
    const { rows: tasks } = await api.database.pool.query<{ topic: string }>(
      `select 'task:' || id as topic from tidings.task where subject = $1`,
      [id],
    )
    expect(tasks).toHaveLength(2)
    await api.run('mutation ($id: ID!) { deleteProject(input: { projectId: $id }) { __typename } }', { id }, owner)
    const { rows } = await api.database.pool.query(
      `select id from tidings.task where subject = $1 or input::text like '%unforgettable%'
       union all select topic from tidings.event where topic = any($2) or payload::text like '%unforgettable%'`,
      [id, tasks.map(({ topic }) => topic)],
    )
    expect(rows).toEqual([])
  })

  it('is for the owner only', async () => {
    const { id } = await make()
    const { deleteProject }: { deleteProject: Answer } = await api.run(
      `mutation ($id: ID!) { deleteProject(input: { projectId: $id }) { __typename } }`,
      { id },
      stranger,
    )
    expect(deleteProject.__typename).toBe('NotFoundError')
    const { node, projects }: { node: object; projects: { nodes: { id: string }[] } } = await api.run(
      `query ($id: ID!) { node(id: $id) { id ... on Project { title } } projects(first: 1) { nodes { id } } }`,
      { id },
      owner,
    )
    expect(node).toEqual({ id, title: 'Bread' })
    expect(projects.nodes[0]?.id).toBe(id)
  })
})
