import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage } from '../../e2e/support/page.ts'
import { importReadme } from '../../e2e/support/project.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([
    shareBrowser(),
    startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '200' }),
  ])
})
afterAll(() => world?.[Symbol.asyncDispose]())

const question = (page: Page, position: number) => page.getByLabel(`Question ${position}`, { exact: true })
const press = (page: Page, what: string, position: number): Promise<void> =>
  page.getByRole('button', { name: `${what}: question ${position}`, exact: true }).click()

describe('a quiz in the Studio', () => {
  test('is generated live, reviewed with three replacements at once and a reload in between, published, taken and deleted', async () => {
    await importReadme(world, 'ws')
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    await page.getByRole('button', { name: /^Generate quiz of ws/ }).click()
    await page.waitForURL(/quiz=/)
    const address = page.url()
    const id = new URL(address).searchParams.get('quiz')
    // The first can be read while others are generated.
    await question(page, 2).waitFor()
    await page.getByRole('progressbar', { name: 'Generating quiz' }).waitFor()
    await question(page, 10).waitFor()
    await page.getByRole('button', { name: 'Publish' }).waitFor()

    const promptsOf = (tab: Page): Promise<string[]> => tab.locator('.question-body > .prose').allInnerTexts()
    const prompts = (): Promise<string[]> => promptsOf(page)
    // A second tab follows everything that the first one does.
    await using watching = await openPage(browser, address)
    await question(watching.page, 10).waitFor()
    const before = await prompts()
    for (const position of [1, 2, 4]) {
      await press(page, 'Replace', position)
      await page.getByLabel(`What is wrong with question ${position}?`).fill('Too easy')
      await page.getByRole('button', { name: 'Find another' }).click()
      // A reload cancels a request that the server has not received.
      await page
        .getByRole('progressbar', { name: `Replacing question ${position}` })
        .or(page.getByRole('button', { name: `Undo: question ${position}`, exact: true }))
        .waitFor()
    }
    await page.reload()
    for (const position of [1, 2, 4])
      await page.getByRole('button', { name: `Undo: question ${position}`, exact: true }).waitFor()
    const after = await prompts()
    expect(new Set([...before, ...after]).size).toBe(before.length + 3)

    await press(page, 'Undo', 1)
    await expect.poll(async () => (await prompts())[0]).toBe(before[0])
    await press(page, 'Edit', 3)
    await page.getByLabel('Explanation, in Markdown').fill('Because **we** say so.')
    await page.getByRole('button', { name: 'Save' }).click()
    await question(page, 3).getByText('Explanation and source').click()
    await question(page, 3).getByText('we', { exact: true }).waitFor()
    await press(page, 'Down', 1)
    await expect.poll(async () => (await prompts())[1]).toBe(before[0])
    await expect.poll(() => promptsOf(watching.page)).toEqual(await prompts())

    for (const position of [1, 2, 3]) await press(page, 'Accept', position)
    await page.getByText('3 of 10 accepted').waitFor()
    await page.getByRole('button', { name: 'Publish' }).click()
    await page.getByRole('link', { name: 'Take the quiz' }).click()
    await page.waitForURL(/take=/)
    await question(page, 3).waitFor()
    expect(await page.locator('.question').count()).toBe(3)
    await page.getByRole('radio').first().check()
    await page.getByRole('button', { name: 'Hand in' }).click()
    await page.getByRole('status').getByText(/of 3/).waitFor()
    expect(await page.locator('.result').count()).toBe(3)

    await page.goto(address)
    await page.getByRole('button', { name: /^Delete / }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).click()
    await question(page, 3).waitFor()
    // The second tab returns after the deletion.
    await watching.page.context().setOffline(true)
    await page.getByRole('button', { name: /^Delete / }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await page.getByRole('heading', { name: 'Roadmaps' }).waitFor()
    await page.getByRole('heading', { name: 'Quizzes' }).waitFor({ state: 'detached' })
    await watching.page.context().setOffline(false)
    await watching.page.getByText('There is no such quiz.').waitFor()
    expect(await world.query('query ($id: ID!) { quiz(id: $id) { id } }', { id })).toEqual({ quiz: null })
    expect(opened.errors).toEqual([])
  })
})
