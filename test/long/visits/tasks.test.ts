import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage } from '../../e2e/support/page.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([
    shareBrowser(),
    startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '0', SELF_TEST: 'true' }),
  ])
})
afterAll(() => world?.[Symbol.asyncDispose]())

/** Starts a self-test through the API. One that is slow enough runs until it is canceled. @returns the id of its task */
async function startTask(items: number, everyMs: number): Promise<string> {
  const { startSelfTest } = await world.query<{ startSelfTest: { task: { id: string } } }>(
    `mutation ($input: StartSelfTestInput!) { startSelfTest(input: $input) {
      ... on StartSelfTestSuccess { task { id } } } }`,
    { input: { items, everyMs } },
  )
  return startSelfTest.task.id
}
const cancel = (id: string): Promise<unknown> =>
  world.query('mutation ($id: ID!) { cancelTask(input: { taskId: $id, reason: "Not needed" }) { __typename } }', { id })

describe('tasks and documents that are started through the API', () => {
  test('appear in an open panel, on the open page of tasks and of documents, and follow to their end', async () => {
    await using tasks = await openPage(browser, `${world.url}/?page=tasks`)
    await using documents = await openPage(browser, `${world.url}/?page=documents`)
    await tasks.page.getByText('No tasks yet.').waitFor()
    await tasks.page.getByRole('button', { name: 'Status: Live, no active tasks' }).click()
    const panel = tasks.page.getByRole('complementary', { name: 'Status' })
    await panel.getByText('None yet.').waitFor()
    await documents.page.getByText('No documents yet.').waitFor()
    await documents.page.getByRole('button', { name: /^Status: Live/ }).waitFor()

    const id = await startTask(500, 1_000)
    const list = tasks.page.getByRole('list', { name: 'Your tasks' })
    await list.getByRole('link', { name: 'Self test' }).waitFor()
    await panel.getByRole('link', { name: 'Self test' }).waitFor()
    await list.getByText('Running', { exact: true }).first().waitFor()
    await tasks.page.getByRole('link', { name: 'Failed' }).click()
    await tasks.page.getByText('No tasks match these filters.').waitFor()
    await tasks.page.getByRole('link', { name: 'Active' }).click()
    await list.getByRole('link', { name: 'Self test' }).waitFor()
    expect(tasks.page.url()).toContain('status=active')
    await cancel(id)
    await list.getByRole('link', { name: 'Self test' }).waitFor({ state: 'detached' })
    await tasks.page.getByRole('link', { name: 'Canceled' }).click()
    await list.getByRole('link', { name: 'Self test' }).waitFor()

    await world.query(
      'mutation { importDocument(input: { source: { text: "# Bread\\n\\nFlour and water." }, name: "bread.md" }) { __typename } }',
    )
    const document = documents.page.getByRole('list', { name: 'Your documents' }).getByRole('listitem')
    await document.getByText(/ words/).waitFor()
    // Another kind than the one that is chosen.
    await tasks.page.getByLabel('Kind').selectOption('SELF_TEST')
    await tasks.page.getByRole('link', { name: 'All', exact: true }).click()
    await list.getByRole('link', { name: 'Self test' }).waitFor()
    expect(await list.getByRole('listitem').count()).toBe(1)
    await tasks.page.getByLabel('Kind').selectOption('')
    await list.getByRole('link', { name: 'Converting document' }).waitFor()
    expect([...tasks.errors, ...documents.errors]).toEqual([])
  })
})

describe('the page of a task', () => {
  test('follows the task to its end: progress, time line, events with payloads, input and result', async () => {
    const id = await startTask(40, 100)
    await using opened = await openPage(browser, `${world.url}/?page=tasks`)
    const { page } = opened
    await page.getByRole('list', { name: 'Your tasks' }).getByRole('link', { name: 'Self test' }).first().click()
    await page.waitForURL(`**/?task=${id}`)
    await page.getByRole('heading', { name: 'Self test', level: 1 }).waitFor()
    await page.getByRole('progressbar', { name: 'Self test' }).waitFor()
    await page.getByRole('button', { name: 'Cancel: Self test' }).waitFor({ state: 'detached' })
    const article = page.getByRole('article')
    await article.getByText('Completed', { exact: true }).first().waitFor()
    const rows = article.getByRole('region', { name: 'Time line' }).getByRole('listitem')
    await rows.filter({ hasText: 'In the queue' }).waitFor()
    await rows.filter({ hasText: 'Attempt 1' }).waitFor()
    await page.getByRole('region', { name: 'Input' }).first().getByText('"everyMs": 100').waitFor()
    await page.getByRole('region', { name: 'Result' }).first().getByText('"count": 40').waitFor()
    const events = page.getByRole('region', { name: /^Events/ })
    await events.getByRole('listitem').first().getByText('Completed').waitFor()
    const last = events.getByRole('listitem').first()
    await last.locator('summary').focus()
    await page.keyboard.press('Enter')
    await last.getByText('"status": "COMPLETED"').waitFor()
    // The link is its own: a reload shows the same.
    await page.reload()
    await page.getByRole('heading', { name: 'Self test', level: 1 }).waitFor()
    await rows.filter({ hasText: 'Attempt 1' }).waitFor()
    expect(await page.getByRole('link', { name: 'Tasks' }).first().getAttribute('aria-current')).toBe('true')
    expect(opened.errors).toEqual([])
  })

  test('shows more items on request, cancels and retries: the retry has a page of its own that leads back', async () => {
    const id = await startTask(500, 1_000)
    await using opened = await openPage(browser, `${world.url}/?task=${id}`)
    const { page } = opened
    const items = page.getByRole('region', { name: /^Items/ })
    // The second click exceeds the items of the snapshot.
    for (const shown of [50, 100]) {
      await items.getByText(`The first ${shown} are shown.`).waitFor()
      await items.getByRole('button', { name: 'Show more items' }).click()
    }
    await items.getByText('The first 150 are shown.').waitFor()
    expect(await items.getByRole('listitem').count()).toBe(150)
    await page.getByRole('button', { name: 'Cancel: Self test' }).click()
    const article = page.getByRole('article')
    await article.getByText('Canceled', { exact: true }).first().waitFor()
    await page.getByRole('region', { name: 'Time line' }).getByText('canceled').first().waitFor()
    await page.getByRole('button', { name: 'Retry: Self test' }).click()
    await page.waitForURL((url) => url.searchParams.get('task') !== id && url.searchParams.has('task'))
    await article.getByText('Running', { exact: true }).first().waitFor()
    expect(await page.getByRole('link', { name: 'the earlier task' }).getAttribute('href')).toBe(`/?task=${id}`)
    await cancel(new URL(page.url()).searchParams.get('task') ?? '')
    await article.getByText('Canceled: Not needed').waitFor()
    expect(opened.errors).toEqual([])
  })

  test('refuses the task of another user, and one that does not exist', async () => {
    const id = await startTask(1, 0)
    await world.database.pool.query('update tidings.task set owner = $2 where id = $1', [id, 'somebody-else'])
    await using opened = await openPage(browser, `${world.url}/?task=${id}`)
    const { page } = opened
    await page.getByRole('heading', { name: 'Task not found' }).waitFor()
    expect(await page.getByText('Self test').count()).toBe(0)
    await page.goto(`${world.url}/?task=task_00000000000000000000000000`)
    await page.getByRole('heading', { name: 'Task not found' }).waitFor()
    await page.getByRole('link', { name: 'All tasks' }).click()
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor()
    expect(opened.errors).toEqual([])
  })
})
