import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { textOf } from '../../../e2e/support/model.ts'
import { openPage } from '../../../e2e/support/page.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld({}, { canCrash: true })])
})
afterAll(() => world?.[Symbol.asyncDispose]())

/** Makes the model pause its output until it is released. */
function hold(): { letGo(): void } {
  const gate = Promise.withResolvers<void>()
  world.model.answer = async function* (asked) {
    const [first = '', ...rest] = textOf(asked)
    yield first
    await gate.promise
    yield* rest
  }
  return { letGo: gate.resolve }
}
async function untilOver(taskId: string): Promise<void> {
  const query = 'query ($id: ID!) { task(id: $id) { status } }'
  await vi.waitFor(
    async () => {
      const { task } = await world.query<{ task: { status: string } }>(query, { id: taskId })
      expect(task.status).toBe('COMPLETED')
    },
    { interval: 50 },
  )
}
/** Waits until the server has recorded that a task has a subscriber, or that it has none. */
async function untilWatched(taskId: string, isWatched: boolean): Promise<void> {
  await vi.waitFor(
    async () => {
      const { rowCount } = await world.database.pool.query('select from tidings.presence where topic = $1', [
        `task:${taskId}`,
      ])
      expect(rowCount !== 0).toBe(isWatched)
    },
    { interval: 50 },
  )
}
const tell = (input: Record<string, unknown>): Promise<unknown> =>
  world.query('mutation ($input: NotifyInput!) { notify(input: $input) { __typename } }', { input })
const bell = (page: Page, name: RegExp | string = /^Inbox/) => page.getByRole('button', { name })
const panel = (page: Page) => page.getByRole('dialog', { name: 'Your inbox' })
const toast = (page: Page, title: string) => page.getByRole('region', { name: 'New notifications' }).getByText(title)

describe('the inbox in the Studio', () => {
  test('has one entry for what ended while the page was closed, links to it, and marks it as read in all tabs', async () => {
    const model = hold()
    const { roadmapId, taskId } = await world.startRoadmap({ titles: ['Owls'] })
    {
      await using before = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
      await before.page.getByRole('progressbar', { name: 'Creating roadmap' }).first().waitFor()
    }
    await untilWatched(taskId, false)
    model.letGo()
    await untilOver(taskId)

    await using one = await openPage(browser, world.url)
    await using two = await openPage(browser, `${world.url}/?page=inbox`)
    const title = 'Your roadmap of ‘Birds’ is ready'
    await bell(one.page, /^Inbox 2 unread/).click()
    const link = panel(one.page).getByRole('link', { name: title })
    await link.waitFor()
    expect(await link.count()).toBe(1)
    // Existing entries do not pop up.
    expect(await toast(one.page, title).count()).toBe(0)
    const unread = two.page.getByRole('button', { name: `Mark as read: ${title}` })
    await unread.waitFor()
    expect(await two.page.getByRole('main').getByText(title).count()).toBe(1)

    await link.click()
    await one.page.waitForURL(`${world.url}/?roadmap=${roadmapId}`)
    await unread.waitFor({ state: 'detached' })
    await two.page.getByRole('main').getByText('1 unread').waitFor()
    await bell(one.page, /^Inbox 1 unread/).waitFor()
    await two.page.getByRole('button', { name: 'Mark all read' }).last().click()
    await two.page.getByText('No unread notifications').waitFor()
    await bell(one.page, 'Inbox').waitFor()
    // A reload shows the same.
    await one.page.reload()
    await bell(one.page, 'Inbox').waitFor()
    expect([...one.errors, ...two.errors]).toEqual([])
  })

  test('has no entry for a task that the viewer followed to its end', async () => {
    const model = hold()
    const { roadmapId, taskId } = await world.startRoadmap({ titles: ['Robins'] })
    const read = '{ inbox { nodes { about { id } } } }'
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    await opened.page.getByRole('progressbar', { name: 'Creating roadmap' }).first().waitFor()
    await untilWatched(taskId, true)
    model.letGo()
    await untilOver(taskId)
    const { inbox } = await world.query<{ inbox: { nodes: { about: { id: string } | null }[] } }>(read)
    expect(inbox.nodes.map(({ about }) => about?.id)).not.toContain(roadmapId)
  })

  test('shows on every page what an admin sends to all users; it closes itself, while an error stays until it is dismissed', async () => {
    await world.query('mutation { markAllNotificationsRead { count } }')
    await tell({ level: 'INFORMATION', title: 'Told before' })
    await using one = await openPage(browser, world.url)
    await using two = await openPage(browser, `${world.url}/?page=inbox`, { colorScheme: 'dark' })
    // A page that has loaded the inbox shows new entries; entries that exist when a page is opened
    // do not pop up.
    for (const { page } of [one, two]) await bell(page, /^Inbox 1 unread/).waitFor()
    await world.query('mutation { markAllNotificationsRead { count } }')
    await tell({ level: 'INFORMATION', title: 'Closed on Sunday' })
    await tell({ level: 'ERROR', title: 'The disk is full', message: 'Nothing can be imported.' })
    for (const { page } of [one, two]) {
      await toast(page, 'Closed on Sunday').waitFor()
      await page.getByRole('alert').getByText('The disk is full').waitFor()
      await bell(page, /^Inbox 2 unread/).waitFor()
    }
    await toast(one.page, 'Closed on Sunday').waitFor({ state: 'detached' })
    expect(await toast(one.page, 'The disk is full').count()).toBe(1)
    // It has closed itself, and is not marked as read by that.
    await bell(one.page, /^Inbox 2 unread/).waitFor()

    await one.page.getByRole('button', { name: 'Dismiss: The disk is full' }).focus()
    await one.page.keyboard.press('Escape')
    await toast(one.page, 'The disk is full').waitFor({ state: 'detached' })
    // Dismissing marks as read, in the other tab as well.
    await toast(two.page, 'The disk is full').waitFor({ state: 'detached' })
    await bell(two.page, /^Inbox 1 unread/).waitFor()
    expect([...one.errors, ...two.errors]).toEqual([])
  })

  test('works by keyboard and on a phone, and continues after the server was down', async () => {
    await using opened = await openPage(browser, world.url, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
    })
    const { page } = opened
    // Existing entries are known: only later ones pop up.
    await tell({ level: 'INFORMATION', title: 'Still here' })
    await bell(page, /unread/).waitFor()
    await world.crash()
    await world.restart()
    await tell({ level: 'WARNING', title: 'Back again' })
    await toast(page, 'Back again').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    await bell(page).focus()
    await page.keyboard.press('Enter')
    await panel(page).waitFor()
    await panel(page).getByRole('button', { name: 'Mark as read: Back again' }).focus()
    await page.keyboard.press('Enter')
    await toast(page, 'Back again').waitFor({ state: 'detached' })
    await panel(page).getByRole('link', { name: 'View inbox' }).press('Enter')
    await page.getByRole('heading', { name: 'Inbox', level: 1 }).waitFor()
    await panel(page).waitFor({ state: 'hidden' })
    expect(opened.errors).toEqual([])
  })
})
