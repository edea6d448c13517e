/**
 * Takes the README's picture, the Studio with its five applications: `node test/e2e/picture-all.ts`; with a folder, each of
 * them alone as well, light, dark and on a phone, to look at. All of it is made by a real server from the project's own documents.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions } from 'playwright-core'
import { findFreePort } from '../support/port.ts'
import { startProcess } from '../support/processes.ts'
import { startBrowser } from './support/browser.ts'
import { openPage } from './support/page.ts'

const root = new URL('../../', import.meta.url)
const lookAt = process.argv[2]
const folder = lookAt ?? fileURLToPath(new URL('docs/images', root))
await mkdir(folder, { recursive: true })
await using stack = new AsyncDisposableStack()
const data = await mkdtemp(join(tmpdir(), 'tidings-picture-'))
stack.defer(() => rm(data, { recursive: true, force: true }))

const port = await findFreePort()
const url = `http://127.0.0.1:${port}`
const server = stack.use(
  startProcess(new URL('src/main.ts', root), [], {
    PORT: String(port),
    PREVIEW_PORT: String(await findFreePort()),
    DATA_DIR: join(data, 'record'),
    FIRST_RUN: 'false',
  }),
)
while (!(await server.readLine()).includes('Ctrl-C'));

type Fields = Readonly<Record<string, unknown>>
/** Sends an operation with one field; what became of that. */
async function ask(query: string, variables: object): Promise<Fields> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data: answer, errors } = (await response.json()) as { readonly data?: Fields; readonly errors?: unknown }
  const [field] = Object.values(answer ?? {})
  if (errors !== undefined || typeof field !== 'object' || field === null) throw new Error(JSON.stringify(errors))
  return field as Fields
}
const idOf = (fields: Fields, name: string): string => String((fields[name] as Fields | undefined)?.['id'])
/** Waits until a task is over. */
async function finish(id: string): Promise<void> {
  const final = ['COMPLETED', 'FAILED', 'CANCELED']
  while (!final.includes(String((await ask('query ($id: ID!) { task(id: $id) { status } }', { id }))['status'])))
    await delay(100)
}

const text = await readFile(new URL('docs/protocol.md', root), 'utf8')
const imported = await ask(
  'mutation ($input: ImportDocumentInput!) { importDocument(input: $input) { ... on ImportDocumentSuccess { document { id } task { id } } } }',
  { input: { source: { text }, name: 'protocol.md' } },
)
const documentId = idOf(imported, 'document')
await finish(idOf(imported, 'task'))
const roadmap = await ask(
  'mutation ($id: ID!) { createRoadmap(input: { documentId: $id }) { ... on CreateRoadmapSuccess { roadmap { id } task { id } } } }',
  { id: documentId },
)
const quiz = await ask(
  'mutation ($id: ID!) { generateQuiz(input: { documentId: $id, questionCount: 6 }) { ... on GenerateQuizSuccess { quiz { id } task { id } } } }',
  { id: documentId },
)
await finish(idOf(quiz, 'task'))
const project = await ask(
  'mutation ($id: ID!) { generateProject(input: { documentId: $id, prompt: "Flash cards", template: FLASH_CARDS }) { ... on GenerateProjectSuccess { project { id } task { id } } } }',
  { id: documentId },
)
await finish(idOf(project, 'task'))
const session = idOf(
  await ask(
    'mutation ($input: CreateSessionInput!) { createSession(input: $input) { ... on CreateSessionSuccess { session { id } } } }',
    { input: { clientId: 'picture', title: 'How does a client resume?' } },
  ),
  'session',
)
await ask(
  'mutation ($input: AddContextCardInput!) { addContextCard(input: $input) { ... on AddContextCardSuccess { card { id } } } }',
  { input: { clientId: 'picture-card', sessionId: session, card: { documentId } } },
)
const asked = await ask(
  'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ... on SendMessageSuccess { sessionMessage { id } task { id } } } }',
  { input: { clientId: 'picture-message', sessionId: session, text: 'What does a cursor promise after a restart?' } },
)
await finish(idOf(asked, 'task'))
await finish(idOf(roadmap, 'task'))

const views = [
  { name: 'documents', title: 'Documents', path: `/?document=${documentId}` },
  { name: 'roadmap', title: 'Roadmaps', path: `/?roadmap=${idOf(roadmap, 'roadmap')}` },
  { name: 'quiz', title: 'Quizzes', path: `/?quiz=${idOf(quiz, 'quiz')}` },
  { name: 'session', title: 'Sessions', path: `/?session=${session}` },
  { name: 'project', title: 'Projects', path: `/?project=${idOf(project, 'project')}` },
  { name: 'analytics', title: 'Analytics', path: '/?page=analytics' },
] as const
const sizes: Readonly<Record<string, BrowserContextOptions>> = {
  light: { viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  ...(lookAt === undefined
    ? {}
    : {
        dark: { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
        phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
      }),
}
const browser = await startBrowser()
stack.defer(() => browser.close())
const taken = new Map<string, string>()
for (const [size, options] of Object.entries(sizes)) {
  await using opened = await openPage(browser, url, options)
  for (const { name, path } of views) {
    await opened.page.goto(url + path)
    await opened.page.getByRole('heading', { level: 1 }).first().waitFor()
    // A preview in a frame is another page, which nothing here can wait for.
    await delay(2_500)
    const picture = await opened.page.screenshot(
      lookAt === undefined ? {} : { path: join(folder, `${name}-${size}.png`) },
    )
    if (size === 'light') taken.set(name, picture.toString('base64'))
  }
  if (opened.errors.length > 0) throw new Error(opened.errors.join('\n'))
}

// Side by side, as one picture.
const sheet = await browser.newPage({ viewport: { width: 1600, height: 800 } })
const figures = views
  .map(
    ({ name, title }) =>
      `<figure><img src="data:image/png;base64,${taken.get(name)}" alt=""><figcaption>${title}</figcaption></figure>`,
  )
  .join('')
await sheet.setContent(`<style>
  body { margin: 0; padding: 24px; display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px; background: #e9e6df; font: 18px system-ui }
  figure { margin: 0 } img { width: 100%; border-radius: 8px; box-shadow: 0 2px 10px #0003 } figcaption { padding: 6px 4px; color: #444 }
</style>${figures}`)
await sheet.screenshot({ path: join(folder, 'studio-all.png'), fullPage: true })
