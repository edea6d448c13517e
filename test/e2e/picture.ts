/**
 * Takes the pictures of the documentation: `node test/e2e/picture.ts`. With a folder, of every
 * view, for inspection. A real server generates a roadmap of the project's own architecture, with a
 * model that responds as slowly as real models, and fails in two cases.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions } from 'playwright-core'
import { createExtractiveProvider } from '../../src/studio/content/extractive/extractive.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess } from '../support/processes.ts'
import { startBrowser } from './support/browser.ts'
import { type Asked, startModel } from './support/model.ts'
import { openPage } from './support/page.ts'

const root = new URL('../../', import.meta.url)
const lookAt = process.argv[2]
const folder = lookAt ?? fileURLToPath(new URL('docs/images', root))
await using stack = new AsyncDisposableStack()
const data = stack.use(await createTestDirectory({ isOnDisk: true }))
await mkdir(folder, { recursive: true })

const model = stack.use(await startModel())
const provider = createExtractiveProvider()
let refusals = 2
let pauseMs = 25
model.answer = (asked) => {
  if (asked.piece === 'QUIZ' && refusals-- > 0) return 'refuse'
  return write(asked)
}
async function* write({ title, piece, source }: Asked): AsyncGenerator<string> {
  const context = { roadmap: title, stage: title, module: title }
  const { signal } = new AbortController()
  const pieces = provider.generate({ piece, title, context, source, links: [], corpus: [], seed: 1, signal })
  for await (const text of pieces)
    for (const word of text.split(/(?<=\s)/)) {
      yield word
      await delay(piece === 'TUTORIAL' ? 2 * pauseMs : pauseMs)
    }
}

const port = await findFreePort()
const url = `http://127.0.0.1:${port}`
const server = stack.use(
  startProcess(new URL('src/main.ts', root), [], {
    PORT: String(port),
    DATA_DIR: data.join('record'),
    FIRST_RUN: 'false',
    CONTENT_PROVIDER: 'openai',
    OPENAI_BASE_URL: model.baseUrl,
  }),
)
await server.readUntil('Ctrl-C')

const browser = await startBrowser()
stack.defer(() => browser.close())
const sizes: Readonly<Record<string, BrowserContextOptions>> = {
  light: { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 2, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 2, colorScheme: 'dark' },
  phone: {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    colorScheme: 'light',
    isMobile: true,
    hasTouch: true,
  },
}
const pages = await Promise.all(
  Object.entries(sizes).map(async ([name, options]) => [name, (await openPage(browser, url, options)).page] as const),
)
const shoot = async (what: string): Promise<void> => {
  if (lookAt === undefined && what !== 'making') return
  for (const [name, page] of pages) await page.screenshot({ path: join(folder, `studio-${what}-${name}.png`) })
}

const [[, first] = []] = pages
if (first === undefined) throw new Error('There is no page')
const others = pages.slice(1).map(([, page]) => page)
const everywhere = pages.map(([, page]) => page)
const documents = await Promise.all(
  ['docs/architecture.md', 'docs/protocol.md'].map((name) => readFile(new URL(name, root), 'utf8')),
)
await first.getByText('Or paste text').click()
await first.getByLabel('Text, Markdown or plain').fill(documents.join('\n\n'))
await shoot('home')
await first.getByRole('button', { name: 'Import' }).click()
await first.waitForURL(/roadmap=/)
const roadmapUrl = first.url()
await first
  .getByRole('link', { name: /, failed$/ })
  .nth(1)
  .waitFor()
for (const page of others) await page.goto(roadmapUrl)
await first
  .getByRole('link', { name: /, ready$/ })
  .nth(8)
  .waitFor({ timeout: 120_000 })
await shoot('outline')
const making = await first
  .getByRole('link', { name: /^Tutorial.*, generating$/ })
  .first()
  .getAttribute('href', { timeout: 120_000 })
for (const page of everywhere) await page.goto(new URL(making ?? '', url).href)
await first.getByRole('article').getByText('Generating').waitFor()
await delay(1_000)
await shoot('making')
pauseMs = 0
await first
  .getByRole('region', { name: 'Creating roadmap' })
  .getByText('Partially completed', { exact: true })
  .waitFor({ timeout: 120_000 })
for (const page of everywhere) {
  await page.goto(roadmapUrl)
  await page
    .getByRole('link', { name: /^Quiz.*, failed$/ })
    .first()
    .click()
}
await delay(500)
await shoot('failed')
for (const page of everywhere.slice(0, 2)) {
  await page
    .getByRole('link', { name: /^Quiz.*, ready$/ })
    .first()
    .click()
  await page.getByRole('button', { name: /^Status/ }).click()
}
await delay(500)
await shoot('tasks')
for (const page of everywhere) {
  await page.goto(url)
  await page.getByRole('heading', { name: 'Documents' }).waitFor()
  await page.getByRole('button', { name: /^Status/ }).click()
}
await delay(300)
await shoot('start')
