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
    startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '150' }),
  ])
})
afterAll(() => world?.[Symbol.asyncDispose]())

const makeQuiz = async (id: string, questionCount: number): Promise<string> => {
  const { generateQuiz } = await world.query<{ generateQuiz: { quiz: { id: string } } }>(
    'mutation ($id: ID!, $questionCount: Int) { generateQuiz(input: { documentId: $id, questionCount: $questionCount }) { ... on GenerateQuizSuccess { quiz { id } } } }',
    { id, questionCount },
  )
  return generateQuiz.quiz.id
}
const questionsOf = async (id: string): Promise<readonly string[]> => {
  const { quiz } = await world.query<{ quiz: { questions: { id: string }[] } }>(
    'query ($id: ID!) { quiz(id: $id) { questions { id } } }',
    { id },
  )
  return quiz.questions.map((question) => question.id)
}

/** Returns the figures shown on the page, by title. */
const figures = (page: Page): Promise<Record<string, string>> =>
  page
    .locator('.tile')
    .evaluateAll((tiles) =>
      Object.fromEntries(
        tiles.map((tile) => [
          tile.querySelector('dt')?.textContent ?? '',
          tile.querySelector('dd')?.firstChild?.textContent ?? '',
        ]),
      ),
    )
/** Returns the rendered chart as an image. */
const drawn = (page: Page, title: string): Promise<string> =>
  page
    .getByRole('region', { name: title, exact: true })
    .locator('canvas')
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())

describe('analytics in the Studio', () => {
  test('update while a quiz is generated and when a question is accepted, and are the same after a reload', async () => {
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    await page.getByRole('link', { name: 'Analytics' }).click()
    await page.getByText(/^No data yet\./).waitFor()
    const documentId = await importReadme(world, 'ws')
    const asked = opened.requests.length

    const quizId = await makeQuiz(documentId, 10)
    const seen = new Set<string>()
    const pictures = new Set<string>()
    await expect
      .poll(
        async () => {
          const { Generated = '' } = await figures(page)
          seen.add(Generated)
          if (Number(Generated) > 0) pictures.add(await drawn(page, 'Time per question'))
          return Generated
        },
        { interval: 50 },
      )
      .toBe('10')
    // Neither all at once nor by refetching.
    expect(seen.size).toBeGreaterThan(4)
    expect(pictures.size).toBeGreaterThan(4)
    expect(opened.requests.slice(asked)).toEqual([])
    await page.getByRole('img', { name: /In the last 24 hours 10 questions were generated and 0 replaced/ }).waitFor()
    await expect.poll(() => page.locator('[data-state=completed] dd').textContent()).toBe('1')

    const [first, second] = await questionsOf(quizId)
    await world.query('mutation ($id: ID!) { acceptQuestion(input: { questionId: $id }) { __typename } }', {
      id: first,
    })
    await expect.poll(async () => (await figures(page))['Accepted']).toBe('1')
    const before = await drawn(page, 'Questions over time')
    await world.query('mutation ($id: ID!) { replaceQuestion(input: { questionId: $id }) { __typename } }', {
      id: second,
    })
    await expect.poll(async () => (await figures(page))['Replaced']).toBe('1')
    await expect.poll(() => page.locator('[data-state=completed] dd').textContent()).toBe('2')
    expect(await drawn(page, 'Questions over time')).not.toBe(before)
    const row = page.getByRole('row', { name: /^ws/ })
    await row.waitFor()

    const shown = [await figures(page), await row.textContent()]
    await page.reload()
    await row.waitFor()
    expect([await figures(page), await row.textContent()]).toEqual(shown)
    expect(opened.errors).toEqual([])
  })

  test('are available without images, by keyboard, and on a phone without horizontal scrolling', async () => {
    const quizId = await makeQuiz(await importReadme(world, 'uplot'), 2)
    await expect.poll(async () => (await questionsOf(quizId)).length).toBe(2)
    await using opened = await openPage(browser, `${world.url}/?page=analytics`, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
      colorScheme: 'dark',
    })
    const { page } = opened
    const chart = page.getByRole('region', { name: 'Questions over time' })
    await chart.getByText('As a table').focus()
    await page.keyboard.press('Enter')
    await chart.getByRole('columnheader', { name: 'Generated' }).waitFor()
    await chart.getByRole('button', { name: '30 days' }).tap()
    await chart.getByRole('img', { name: /^In the last 30 days/ }).waitFor()
    await chart.getByRole('columnheader', { name: 'Day' }).waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
    expect(opened.errors).toEqual([])
  })
})
