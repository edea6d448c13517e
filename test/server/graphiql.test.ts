import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBrowser } from '../e2e/support/browser.ts'
import { hangMs } from '../support/patience.ts'
import { type ServerFixture, secret, signToken, startTestServer } from './support.ts'

const tabs = ['Hello', 'Viewer', 'Count', 'Refused', 'Broken', 'Last']
const queries = [
  'query Hello { hello }',
  'query Viewer { viewer { userId } }',
  'subscription Count { breaks(after: 3, how: "refused") }',
  'subscription Refused { watch(taskId: "task_none") { seq } }',
  'subscription Broken { nothing }',
  'query Last($name: String) { hello(name: $name) }',
]
let fixture: ServerFixture
let browser: Browser
let page: Page
/** What the page asked of other hosts, and what it complained about. */
const foreign: string[] = []
const complaints: string[] = []
/** Whom the tabs were read for. */
const visitors: unknown[] = []

beforeAll(async () => {
  fixture = await startTestServer({
    environment: { JWT_SECRET: secret },
    graphiqlTabs(viewer) {
      visitors.push(viewer)
      return Promise.resolve(
        queries.map((query) => ({ query, ...(query.includes('$name') ? { variables: '{"name":"</script>"}' } : {}) })),
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
    if (message.type() === 'error') complaints.push(message.text())
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
  await page.locator('.graphiql-tab-button', { hasText: tab }).click()
  await page.waitForSelector(`.graphiql-tab-active:has-text("${tab}")`)
  await page.click('.graphiql-execute-button')
  await expect.poll(readResult).toContain(text)
}
/** The result, without white space, of which the editor uses kinds of its own. */
async function readResult(): Promise<string> {
  return ((await page.locator('.result-window').textContent()) ?? '').replaceAll(/\s/g, '')
}
/** Types into an editor in place of what is there; the editor closes brackets by itself and is typed over. */
async function write(editor: string, text: string): Promise<void> {
  await page.locator(editor).first().click()
  await page.keyboard.press('Control+A')
  await page.keyboard.press('Delete')
  await page.keyboard.type(text)
}

test('comes from this server alone, and opens with the prepared tabs', async () => {
  expect(page.url()).toBe(`${fixture.server.url}/graphql`)
  expect(await page.locator('.graphiql-tab-button').allInnerTexts()).toEqual(tabs)
  await expectResult('Hello', '"hello":"Helloyou"')
  expect(await page.title()).toBe('Tidings')
  // Nobody knows who comes, as a page is asked for without a token: the tabs are for everybody.
  expect(visitors).toEqual([null])
  expect(foreign).toEqual([])
})

test('runs a subscription over a WebSocket, and shows why one is refused', async () => {
  await expectResult('Count', 'Thereisnosuchthing')
  await expectResult('Refused', 'Thereisnotask')
  await expectResult('Broken', 'Cannotqueryfield')
})

test('passes the headers of a tab on, to requests and to connection_init', async () => {
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

test('is quiet: no errors of the page, nothing refused by its own policy', () => {
  expect(complaints).toEqual([])
})

test('serves its files with a tag, compressed, and says when they have not changed', async () => {
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
