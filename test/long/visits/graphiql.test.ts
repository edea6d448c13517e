import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBrowser } from '../../e2e/support/browser.ts'
import { type ServerFixture, secret, signToken, startTestServer } from '../../server/support.ts'
import { hangMs } from '../../support/patience.ts'

const tabs = ['Hello', 'Viewer', 'Count', 'Refused', 'Broken', 'Flood', 'Watch', 'Last']
const queries = [
  'query Hello($to: String) { hello(name: $to) }',
  'query Viewer { viewer { userId } }',
  'subscription Count { breaks(after: 3, how: "refused") }',
  'subscription Refused { watch(taskId: "task_none") { seq } }',
  'subscription Broken { nothing }',
  'subscription Flood { flood(bytes: 100, perSecond: 5000) }',
  'subscription Watch($taskId: ID!, $after: String) { watch(taskId: $taskId, after: $after, fromStart: true) { cursor seq type } }',
  'query Last($name: String) { hello(name: $name) }',
]
let fixture: ServerFixture
let browser: Browser
let page: Page
/** Requests of the page to other hosts, and its errors. */
const foreign: string[] = []
const complaints: string[] = []
/** The task of the tab `Watch`. */
let taskId = 'task_of_the_first_visit'
/** The viewers for which the tabs were read. */
const visitors: unknown[] = []

beforeAll(async () => {
  fixture = await startTestServer({
    environment: { JWT_SECRET: secret },
    graphiqlTabs(viewer) {
      visitors.push(viewer)
      return Promise.resolve(
        queries.map((query) => {
          if (query.includes('$taskId')) return { query, variables: JSON.stringify({ taskId }) }
          if (query.includes('$to')) return { query, variables: '{"to":"Ada"}' }
          return { query, ...(query.includes('$name') ? { variables: '{"name":"</script>"}' } : {}) }
        }),
      )
    },
  })
  browser = await startBrowser()
  page = await browser.newPage()
  page.setDefaultTimeout(hangMs)
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && host !== new URL(fixture.server.url).host) foreign.push(request.url())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // The browser reports streams that the test cuts, and graphql-ws answers a ping that arrives
    // while it closes.
    if (message.type() === 'error' && !/ERR_INCOMPLETE_CHUNKED_ENCODING|already in CLOSING/.test(message.text()))
      complaints.push(message.text())
  })
  await page.goto(fixture.server.url)
  await page.waitForSelector('.graphiql-execute-button')
})
afterAll(async () => {
  await browser?.close()
  await fixture?.[Symbol.asyncDispose]()
})

/** Opens a prepared tab, runs it and waits until the result contains a text. */
async function expectResult(tab: string, text: string): Promise<void> {
  await openTab(tab)
  await page.click('.graphiql-execute-button')
  await expect.poll(readResult).toContain(text)
}
async function openTab(tab: string): Promise<void> {
  await page.locator('.graphiql-tab-button', { hasText: tab }).click()
  await page.waitForSelector(`.graphiql-tab-active:has-text("${tab}")`)
}
/**
 * Returns the result or the event log without white space, as the editor uses special kinds of it.
 */
async function readResult(): Promise<string> {
  // The log is placed beside it (page.css).
  expect(await page.locator('.graphiql-response > .result-window').count()).toBe(1)
  return ((await page.locator('.graphiql-response').textContent()) ?? '').replaceAll(/\s/g, '')
}
const logStatus = () => page.locator('.event-log-status').textContent()
const logCount = () => page.locator('.event-log-count').textContent()
/** Returns the texts of one column of the event log. */
const readColumn = (column: number) =>
  page.locator(`.event-log-entry > summary > span:nth-child(${column})`).allTextContents()
/**
 * Starts a task of the local kind for a user, and sets the user's token in the headers of the
 * active tab.
 */
async function startTask(steps: number): Promise<{ token: string; taskId: string }> {
  const token = await signToken({ sub: 'u_log', exp: Math.floor(Date.now() / 1_000) + 3_600 })
  const { body } = await fixture.post(`mutation { start(steps: ${steps}) }`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { token, taskId: String(body.data?.['start']) }
}
/** Replaces the text of an editor as by pasting: typed brackets would be closed by the editor. */
async function write(editor: string, text: string): Promise<void> {
  await page.locator(editor).first().click()
  await page.keyboard.press('Control+A')
  await page.keyboard.press('Delete')
  await page.keyboard.insertText(text)
}

test('is served by this server alone, and opens with the prepared tabs', async () => {
  expect(page.url()).toBe(`${fixture.server.url}/graphql`)
  expect(await page.locator('.graphiql-tab-button').allInnerTexts()).toEqual(tabs)
  await expectResult('Hello', '"hello":"HelloAda"')
  expect(await page.title()).toBe('Tidings')
  // The viewer is unknown, as a page is requested without a token: the tabs are for all users.
  expect(visitors).toEqual([null])
  expect(foreign).toEqual([])
})

test('runs a subscription over a WebSocket, and shows why one is refused', async () => {
  await expectResult('Count', 'Thereisnosuchthing')
  await expectResult('Refused', 'Thereisnotask')
  await expectResult('Broken', 'Thisneedsatoken')
})

test('sends the headers of a tab with requests and in connection_init', async () => {
  await expectResult('Viewer', '"viewer":null')
  const token = await signToken({ sub: 'u_headers' })
  await page.locator('.graphiql-editor-tools button', { hasText: 'Headers' }).click()
  await write('.graphiql-editor-tool .graphiql-editor:visible', `{"Authorization":"Bearer ${token}"}`)
  await page.click('.graphiql-execute-button')
  await expect.poll(readResult).toContain('u_headers')

  const sent: unknown[] = []
  page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(JSON.parse(String(payload)))))
  await write('.graphiql-query-editor .graphiql-editor', 'subscription { silence }')
  await page.click('.graphiql-execute-button')
  await expect.poll(() => sent[0]).toEqual({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } })
  await expect.poll(() => fixture.server.metrics.subscriptions.get('silence')).toBe(1)
  // The same button stops it.
  await page.click('.graphiql-execute-button')
  await expect.poll(() => fixture.server.connections.size).toBe(0)
})

test('prepares an Authorization header to fill in', async () => {
  await openTab('Last')
  const headers = page.locator('.graphiql-editor-tool .graphiql-editor:visible')
  await page.locator('.graphiql-editor-tools button', { hasText: 'Headers' }).click()
  await expect.poll(() => headers.textContent()).toContain('Bearer')
})

test('renders many events a few times per second, keeps the newest, and stops', async () => {
  await openTab('Flood')
  await page.click('.graphiql-execute-button')
  await expect.poll(logCount).toContain('dropped')
  // The page responds while the events arrive, and the log is bounded.
  expect(await page.locator('.event-log-entry').count()).toBeLessThanOrEqual(2_000)
  await page.locator('.event-log-bar button', { hasText: 'Pause' }).click()
  await expect.poll(logCount).toContain('not shown')
  await page.click('.graphiql-execute-button')
  await expect.poll(logStatus).toBe('Stopped')
})

test('resumes a subscription in the page after a cut, over each transport, and when the transport changes', async () => {
  const started = await startTask(4)
  taskId = started.taskId
  await page.reload()
  await page.waitForSelector('.graphiql-execute-button')
  await openTab('Watch')
  await page.locator('.graphiql-editor-tools button', { hasText: 'Headers' }).click()
  await write('.graphiql-editor-tool .graphiql-editor:visible', `{"Authorization":"Bearer ${started.token}"}`)
  await page.click('.graphiql-execute-button')
  const expectSteps = async (count: number): Promise<void> => {
    await expect.poll(async () => (await readColumn(5)).filter((text) => text.includes('Completed')).length).toBe(count)
  }
  fixture.steps.step()
  await expectSteps(1)
  await fixture.server.connections.moveAll(0, 'restart')
  fixture.steps.step()
  await expectSteps(2)
  await page.locator('.event-log-bar select').selectOption('sse')
  await expect.poll(() => fixture.server.metrics.connections.sse).toBe(1)
  fixture.steps.step()
  await expectSteps(3)
  await fixture.server.connections.moveAll(0, 'restart')
  fixture.steps.step()
  await expect.poll(logStatus).toBe('Completed')
  const seqs = (await readColumn(2)).filter((seq) => seq !== '').map(Number)
  expect([...new Set(seqs)]).toEqual([...new Set(seqs)].map((_, index) => index + 1))
  await page.locator('.event-log-bar select').selectOption('websocket')
})

test('filters the events, shows and copies their payload, and keeps the log of each tab', async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const all = (await readColumn(3)).length
  await page.locator('.event-log-bar input').fill('"type":"TaskItemCompleted"')
  await expect.poll(async () => (await readColumn(3)).length).toBeLessThan(all)
  await page.locator('.event-log-entry > summary').first().click()
  expect(JSON.parse((await page.locator('.event-log-entry pre').first().textContent()) ?? '')).toMatchObject({
    type: 'TaskItemCompleted',
  })
  await page.locator('.event-log-bar button', { hasText: 'Copy' }).click()
  await page.locator('.event-log-bar button', { hasText: 'Copied' }).waitFor()
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { readonly type: string }[]
  expect(copied.map(({ type }) => type)).toEqual(Array(4).fill('TaskItemCompleted'))
  await expectResult('Hello', '"hello":"HelloAda"')
  expect(await page.locator('.event-log').count()).toBe(0)
  await openTab('Watch')
  expect(await readColumn(3)).toHaveLength(4)
})

test('updates the stored tabs that the user has not changed, and keeps the others', async () => {
  // GraphiQL stores its tabs half a second after a change.
  const stored = () => page.evaluate(() => localStorage.getItem('graphiql:tabState') ?? '')
  await openTab('Last')
  await write('.graphiql-query-editor .graphiql-editor', 'query Last { hello(name: "mine") }')
  await expect.poll(stored).toContain('mine')
  taskId = 'task_of_the_next_visit'
  await page.reload()
  await page.waitForSelector('.graphiql-execute-button')
  expect(await page.locator('.graphiql-tab-button').count()).toBe(tabs.length)
  await expectResult('Last', '"hello":"Hellomine"')
  await openTab('Watch')
  await page.locator('.graphiql-editor-tools button', { hasText: 'Variables' }).click()
  await expect
    .poll(() => page.locator('.graphiql-editor-tool .graphiql-editor:visible').textContent())
    .toContain('task_of_the_next_visit')
})

test('has no page errors, and nothing refused by its own policy', () => {
  expect(complaints).toEqual([])
})

test('serves its files with an ETag, compressed, and with 304 when they have not changed', async () => {
  const url = `${fixture.server.url}/graphql/assets/graphiql.js`
  const first = await fetch(url)
  expect(first.headers.get('content-encoding')).toBe('gzip')
  expect((await first.text()).length).toBeGreaterThan(1_000_000)
  const again = await fetch(url, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } })
  expect(again.status).toBe(304)
  expect((await fetch(`${fixture.server.url}/graphql/assets/../../package.json`)).status).toBe(404)
  expect((await fetch(`${fixture.server.url}/graphql/assets/graphql-ws/..%2f..%2fpackage.json`)).status).toBe(404)
  expect((await fetch(`${fixture.server.url}/favicon.ico`)).headers.get('content-type')).toBe('image/svg+xml')
})
