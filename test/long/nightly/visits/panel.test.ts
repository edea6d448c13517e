import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { openPage } from '../../../e2e/support/page.ts'
import { birdsText, questionOf } from '../../../e2e/support/scene.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'

let browser: Browser
let world: World
let documentId = ''
/** A README of an installed package. */
const readme = new URL('../../../../node_modules/ws/README.md', import.meta.url)
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld({}, { canCrash: true })])
  world.model.answer = think
  documentId = await importText(world, birdsText)
})
afterAll(() => world?.[Symbol.asyncDispose]())

let questions = 1
let asked = Promise.withResolvers<void>()
/** Lets the model write one more question of each quiz, which completes none of them. */
function askOneMore(): void {
  questions++
  asked.resolve()
  asked = Promise.withResolvers()
}
async function* think(): AsyncGenerator<string> {
  for (let index = 0; ; index++) {
    while (questions <= index) await asked.promise
    yield questionOf(index)
  }
}

/** Imports a document, and waits until it is readable. @returns its id */
async function importText({ query }: World, text: string): Promise<string> {
  const { importDocument } = await query<{ importDocument: { document: { id: string } } }>(
    `mutation ($text: String!) { importDocument(input: { source: { text: $text }, name: "text.md" }) {
      ... on ImportDocumentSuccess { document { id } } } }`,
    { text },
  )
  const { id } = importDocument.document
  const read = 'query ($id: ID!) { document(id: $id) { status } }'
  await vi.waitFor(async () => {
    const { document } = await query<{ document: object }>(read, { id })
    expect(document).toEqual({ status: 'READY' })
  })
  return id
}
/** Starts quizzes; two run at a time, the others wait. @returns their tasks, in order */
async function startQuizzes(count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const { generateQuiz } = await world.query<{ generateQuiz: { task: { id: string } } }>(
      'mutation ($id: ID!) { generateQuiz(input: { documentId: $id }) { ... on GenerateQuizSuccess { task { id } } } }',
      { id: documentId },
    )
    ids.push(generateQuiz.task.id)
  }
  return ids
}
const cancelAll = async (ids: readonly string[]): Promise<void> => {
  for (const id of ids)
    await world.query('mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }', { id })
}
const panelOf = (page: Page) => page.getByRole('complementary', { name: 'Status' })
const buttonOf = (page: Page) => page.getByRole('button', { name: /^Status/ })

describe('the panel on every page', () => {
  test('shows running and waiting tasks, follows them, and persists across pages', async () => {
    const ids = await startQuizzes(4)
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    const panel = panelOf(page)
    await page.getByRole('button', { name: 'Status: Live, 4 active tasks' }).click()
    await expect.poll(() => panel.getByRole('progressbar', { name: 'Generating quiz' }).count()).toBe(4)
    for (const text of ['Next in the queue', '2nd of 2 in the queue']) await panel.getByText(text).waitFor()
    await expect.poll(() => panel.getByText('Asking', { exact: true }).count()).toBe(2)
    const percent = async (): Promise<number> =>
      Number(await panel.getByRole('progressbar', { name: 'Generating quiz' }).last().getAttribute('aria-valuenow'))
    const before = await percent()
    askOneMore()
    await expect.poll(percent).toBeGreaterThan(before)

    await page.getByRole('link', { name: 'Analytics' }).click()
    await page.getByRole('heading', { name: 'Analytics', level: 1 }).waitFor()
    await panel.getByText('Next in the queue').waitFor()
    await page.reload()
    await panel.getByText('Next in the queue').waitFor()

    // A running task is canceled, so the next one in the queue starts.
    await panel.getByRole('button', { name: 'Cancel: Generating quiz' }).last().click()
    await panel.getByText('2nd of 2 in the queue').waitFor({ state: 'detached' })
    await panel.getByText('Next in the queue').waitFor()
    await panel.getByText('Canceled', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Status: Live, 3 active tasks' }).waitFor()
    await panel.getByRole('button', { name: 'Retry: Generating quiz' }).waitFor()
    await cancelAll(ids)
    await page.getByRole('button', { name: 'Status: Live, no active tasks' }).waitFor()
    expect(opened.errors).toEqual([])
  })

  test('is opened, collapsed and closed by keyboard, and announces it', async () => {
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    const panel = panelOf(page)
    await page.getByRole('button', { name: /^Status: Live/ }).focus()
    expect(await buttonOf(page).getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('Enter')
    await panel.waitFor()
    expect(await buttonOf(page).getAttribute('aria-expanded')).toBe('true')
    // The panel comes next: closing it, the connection, the tasks.
    const names: string[] = []
    for (let presses = 0; presses < 3; presses++) {
      await page.keyboard.press('Tab')
      names.push(
        await page.evaluate(
          () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
        ),
      )
    }
    expect(names[0]).toBe('Close the status panel')
    expect(names[1]).toMatch(/^Connection/)
    expect(names[2]).toMatch(/^Tasks/)
    const tasks = panel.getByRole('button', { name: /^Tasks/ })
    await panel
      .getByRole('region', { name: /^Tasks/ })
      .getByRole('list')
      .waitFor()
    await page.keyboard.press('Enter')
    await panel
      .getByRole('region', { name: /^Tasks/ })
      .getByRole('list')
      .waitFor({ state: 'hidden' })
    expect(await tasks.getAttribute('aria-expanded')).toBe('false')
    await page.reload()
    await panel.waitFor()
    expect(await tasks.getAttribute('aria-expanded')).toBe('false')
    await tasks.focus()
    await page.keyboard.press('Escape')
    await panel.waitFor({ state: 'hidden' })
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toMatch(/^Status/)
    expect(opened.errors).toEqual([])
  })

  test('shows when the server is down and when it is back, and running tasks continue', async () => {
    const ids = await startQuizzes(1)
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    const panel = panelOf(page)
    await page.getByRole('button', { name: 'Status: Live, 1 active task' }).click()
    await panel.getByText('Asking', { exact: true }).waitFor()
    await world.crash()
    await page.getByRole('button', { name: /^Status: Reconnecting, 1 active task/ }).waitFor()
    await panel.getByRole('button', { name: 'Try now' }).waitFor()
    await world.restart()
    await page.getByRole('button', { name: /^Status: Live, 1 active task/ }).waitFor()
    await panel.getByText('Asking', { exact: true }).waitFor()
    await cancelAll(ids)
    await page.getByRole('button', { name: 'Status: Live, no active tasks' }).waitFor()
    expect(opened.errors).toEqual([])
  })

  test('has the previews of projects, with their changes', async () => {
    await using quick = await startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '0' })
    const { generateProject } = await quick.query<{ generateProject: { project: { id: string } } }>(
      `mutation ($id: ID!) { generateProject(input: { prompt: "Cards", documentId: $id, template: FLASH_CARDS }) {
        ... on GenerateProjectSuccess { project { id } } } }`,
      { id: await importText(quick, await readFile(readme, 'utf8')) },
    )
    const { id } = generateProject.project
    await using opened = await openPage(browser, quick.url)
    const { page } = opened
    await page.getByRole('button', { name: /^Status: Live/ }).click()
    const previews = panelOf(page).getByRole('region', { name: 'Previews', exact: true })
    const project = previews.getByRole('listitem')
    await project.getByText('Ready').waitFor()
    await quick.query('mutation ($id: ID!) { stopPreview(input: { projectId: $id }) { __typename } }', { id })
    await project.getByText('Stopped').waitFor()
    await quick.query('mutation ($id: ID!) { startPreview(input: { projectId: $id }) { __typename } }', { id })
    await project.getByText('Ready').waitFor()
    await project.getByRole('link').click()
    await page.waitForURL(/project=/)
    expect(await previews.isVisible()).toBe(true)
    expect(opened.errors).toEqual([])
  })

  test('has notifications that arrived while it was closed, and marks them as read', async () => {
    await world.query(
      `mutation { notify(input: { title: "The school is closed on Monday", level: WARNING, userId: "local-developer" }) { __typename } }`,
    )
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    const panel = panelOf(page)
    await page.getByRole('button', { name: /^Status: Live/ }).click()
    const entry = panel.getByRole('listitem').filter({ hasText: 'The school is closed on Monday' })
    await entry.waitFor()
    await entry.getByRole('button', { name: /^Mark as read/ }).click()
    await entry.getByRole('button', { name: /^Mark as read/ }).waitFor({ state: 'detached' })
    await panel.getByRole('link', { name: 'View inbox' }).click()
    await page.getByRole('heading', { name: 'Inbox', level: 1 }).waitFor()
    expect(await panel.isVisible()).toBe(true)
    expect(opened.errors).toEqual([])
  })

  test('is a sheet at the bottom of a phone, in reach of the thumb, without horizontal scrolling', async () => {
    const ids = await startQuizzes(3)
    await using opened = await openPage(browser, world.url, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
    })
    const { page } = opened
    const panel = panelOf(page)
    await page.getByRole('button', { name: 'Status: Live, 3 active tasks' }).tap()
    await panel.getByText('Next in the queue').waitFor()
    const box = await panel.boundingBox()
    expect(box).toMatchObject({ x: 0, width: 390 })
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBe(844)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
    await panel.getByRole('button', { name: 'Close the status panel' }).tap()
    await panel.waitFor({ state: 'hidden' })
    await cancelAll(ids)
    expect(opened.errors).toEqual([])
  })
})
