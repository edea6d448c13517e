import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage, openTab } from '../../e2e/support/page.ts'
import { transcript, write } from '../../e2e/support/session.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'
import { createTcpProxy } from '../../support/proxy.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld({ CONTENT_PROVIDER: 'extractive' })])
})
afterAll(() => world?.[Symbol.asyncDispose]())

const until = (expectation: () => Promise<unknown>): Promise<unknown> => vi.waitFor(expectation, { interval: 50 })
async function createSession(title: string): Promise<string> {
  const { createSession: created } = await world.query<{ createSession: { session: { id: string } } }>(
    'mutation ($title: String!) { createSession(input: { clientId: $title, title: $title }) { ... on CreateSessionSuccess { session { id } } } }',
    { title },
  )
  return created.session.id
}
const ready = (page: Page): Promise<void> => page.getByLabel('Message', { exact: true }).waitFor()
const storedIn = (page: Page): Promise<number> =>
  page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('tidings:outbox:')).length)
const bodies = async (page: Page): Promise<readonly string[]> =>
  (await transcript(page)).map((line) => line.slice(line.indexOf(' ') + 1))
/** Kills the process of a page, which has no chance to store anything then. */
async function kill(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash')
  session.send('Page.crash').catch(() => undefined)
  await crashed
  await page.close()
}

describe('the outbox in browsers', () => {
  test('loses no message of a page that is killed on a dead connection: the next page sends all of them once and in order', async () => {
    const id = await createSession('Killed')
    await using proxy = await createTcpProxy(world.port)
    const url = `http://127.0.0.1:${proxy.port}/?session=${id}`
    await using first = await openPage(browser, url)
    await ready(first.page)
    // A tab of another page keeps the browser's storage alive while the first one is killed.
    await using other = await openTab(first.page.context(), 'about:blank')
    proxy.stall()
    for (const text of ['One', 'Two', 'Three']) await write(first.page, text)
    await until(async () => expect(await storedIn(first.page)).toBe(3))
    await kill(first.page)
    await proxy.heal()
    proxy.resetAll()
    await other.page.goto(url)
    await until(async () => expect(await bodies(other.page)).toEqual(['One', 'Two', 'Three']))
    await until(async () => expect(await storedIn(other.page)).toBe(0))
    expect(await other.page.locator('[data-unsent]').count()).toBe(0)
    expect(other.errors).toEqual([])
  })

  test('keeps the messages of two tabs, and a third sends those of closed ones', async () => {
    const id = await createSession('Two tabs')
    await using proxy = await createTcpProxy(world.port)
    const url = `http://127.0.0.1:${proxy.port}/?session=${id}`
    await using one = await openPage(browser, url)
    await using two = await openTab(one.page.context(), url)
    await Promise.all([ready(one.page), ready(two.page)])
    proxy.refuse()
    proxy.resetAll()
    for (const n of [1, 2, 3]) await Promise.all([write(one.page, `A ${n}`), write(two.page, `B ${n}`)])
    await until(async () => expect(await storedIn(one.page)).toBe(6))
    await two.page.close()
    await proxy.heal()
    const own = (all: readonly string[], tab: string) => all.filter((body) => body.startsWith(tab))
    await until(async () => expect(await bodies(one.page)).toEqual(['A 1', 'A 2', 'A 3']))
    expect(await storedIn(one.page)).toBe(3)
    await using three = await openTab(one.page.context(), url)
    await until(async () => expect(await bodies(three.page)).toHaveLength(6))
    const all = await bodies(three.page)
    for (const tab of ['A', 'B']) expect(own(all, tab)).toEqual([1, 2, 3].map((n) => `${tab} ${n}`))
    await until(async () => expect(await storedIn(three.page)).toBe(0))
  })
})
