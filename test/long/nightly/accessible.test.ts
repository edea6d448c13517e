import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { makeOneOfEach, type OneOfEach } from '../../e2e/support/one-of-each.ts'
import { openPage, type WatchedPage } from '../../e2e/support/page.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let browser: Browser
let world: World
let ids: OneOfEach
beforeAll(async () => {
  ;[browser, world] = await Promise.all([
    shareBrowser(),
    startWorld({ CONTENT_PROVIDER: 'extractive', CONTENT_PACE_MS: '200' }),
  ])
  ids = await makeOneOfEach(world)
})
afterAll(() => world?.[Symbol.asyncDispose]())

/** Opens a page without animations, with the checker loaded. */
async function open(path: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const opened = await openPage(browser, `${world.url}/favicon.svg`, options)
  await opened.page.addInitScript({ path: axe })
  await opened.page.goto(world.url + path)
  return opened
}
/** Returns the checker's findings, one per line. */
async function wrongOn(page: Page, only?: readonly string[]): Promise<readonly string[]> {
  const options: RunOptions = {
    iframes: false,
    resultTypes: ['violations'],
    ...(only === undefined ? {} : { runOnly: [...only] }),
  }
  const { violations } = await page.evaluate(
    (run) => (window as unknown as { axe: { run(o: RunOptions): Promise<AxeResults> } }).axe.run(run),
    options,
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  )
}
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
/** Returns the focused element, by role and name; the focus must be visible. */
async function focused(page: Page): Promise<string> {
  const focus = page.locator(':focus')
  if ((await focus.count()) === 0) return 'nothing'
  const [line = ''] = (await focus.ariaSnapshot()).split('\n')
  // A name with a colon in it comes in quotes.
  return line.replace(/^- '?/, '')
}
/**
 * Presses Tab until the wanted element has the focus; every focus on the way must be visible.
 * @returns the elements focused on the way
 */
async function tabTo(page: Page, what: string | RegExp): Promise<readonly string[]> {
  const passed: string[] = []
  for (let presses = 0; presses < 80; presses++) {
    await page.keyboard.press('Tab')
    const at = await focused(page)
    const isSeen = await page.evaluate(() => {
      const element = document.activeElement
      return element === null || element === document.body || getComputedStyle(element).outlineStyle !== 'none'
    })
    if (!isSeen) throw new Error(`Nobody sees that ${at} has the focus`)
    if (typeof what === 'string' ? at.startsWith(what) : what.test(at)) return passed
    passed.push(at)
  }
  throw new Error(`Tab does not lead to ${what}, but to:\n${passed.join('\n')}`)
}

describe('every page of the Studio', () => {
  test('has a name and one heading, no findings of the checker in light and dark mode, and fits on a phone', async () => {
    const pages: Readonly<Record<string, string>> = {
      Library: '/',
      Documents: '/?page=documents',
      document: `/?document=${ids.document}`,
      roadmap: `/?roadmap=${ids.roadmap}`,
      piece: `/?roadmap=${ids.roadmap}&concept=${ids.concept}&piece=QUIZ`,
      'quiz to review': `/?quiz=${ids.quiz}`,
      'quiz to take': `/?take=${ids.published}`,
      Projects: '/?page=projects',
      project: `/?project=${ids.project}`,
      Sessions: '/?page=sessions',
      session: `/?session=${ids.session}`,
      Tasks: '/?page=tasks',
      'no tasks': '/?page=tasks&status=canceled',
      task: `/?task=${ids.task}`,
      'no task': '/?task=task_unknown',
      Analytics: '/?page=analytics',
      Connections: '/?page=connections',
      Inbox: '/?page=inbox',
    }
    await using opened = await open('/')
    const { page } = opened
    const wrong: Record<string, readonly string[]> = {}
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(world.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await expect.poll(() => page.getByText('Loading …').count()).toBe(0)
      const found = [...(await wrongOn(page))]
      if (!/^.+ – Tidings Studio$/.test(await page.title())) found.push(`The title is ${await page.title()}`)
      await page.emulateMedia({ colorScheme: 'dark' })
      found.push(...(await wrongOn(page, ['color-contrast'])).map((line) => `dark: ${line}`))
      await page.setViewportSize({ width: 390, height: 844 })
      if ((await overflow(page)) > 0) found.push(`It is ${await overflow(page)} pixels too wide for a phone`)
      found.push(...(await wrongOn(page, ['target-size'])).map((line) => `phone: ${line}`))
      await page.setViewportSize({ width: 1280, height: 900 })
      await page.emulateMedia({ colorScheme: 'light' })
      if (found.length > 0) wrong[name] = found
    }
    expect(wrong).toEqual({})
    expect(opened.errors).toEqual([])
  })

  test('has a panel, an inbox and a deletion dialog of the same quality', async () => {
    await using opened = await open(`/?quiz=${ids.quiz}`)
    const { page } = opened
    await page.getByRole('button', { name: /^Status/ }).click()
    await page.getByRole('complementary', { name: 'Status' }).getByRole('progressbar').first().waitFor()
    expect(await wrongOn(page)).toEqual([])
    await page.getByRole('button', { name: /^Inbox/ }).click()
    await page.getByRole('dialog', { name: 'Your inbox' }).waitFor()
    expect(await wrongOn(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /^Delete/ }).click()
    await page.getByRole('dialog', { name: /^Delete/ }).waitFor()
    expect(await wrongOn(page)).toEqual([])
    expect(opened.errors).toEqual([])
  })
})

describe('by keyboard alone', () => {
  test('a session is found, written to, announced without its chunks, and closed', async () => {
    await using opened = await open('/?page=sessions')
    const { page } = opened
    await page.getByRole('link', { name: 'What a socket does' }).waitFor()
    await tabTo(page, 'link "Skip to the content"')
    await page.keyboard.press('Enter')
    await tabTo(page, 'link "What a socket does"')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'What a socket does', level: 1 }).waitFor()
    // A navigation is announced, and the focus is at the beginning of the page.
    await page.getByRole('status').getByText('What a socket does – Tidings Studio').waitFor({ state: 'attached' })
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    expect(await page.getByRole('link', { name: 'Sessions' }).getAttribute('aria-current')).toBe('true')

    const said = page.getByRole('log', { name: 'Latest messages' })
    await tabTo(page, 'textbox "Message"')
    await page.keyboard.type('What are streams for?')
    await page.keyboard.press('Enter')
    await said.getByText('A reply is being written').waitFor({ state: 'attached' })
    // It streams, and nothing moves where reduced motion is preferred.
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
    expect(await focused(page)).toMatch(/^textbox "Message"/)
    await said.getByText(/^Reply: /).waitFor({ state: 'attached' })
    expect(await said.locator('p').count()).toBe(2)
    // After a reply is stopped, the focus stays with it.
    await page.keyboard.type('And what is a close code for, and a ping?')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Stop the reply' }).waitFor()
    await page.getByRole('button', { name: 'Stop the reply' }).focus()
    await page.keyboard.press('Enter')
    await said.getByText('The reply was stopped').waitFor({ state: 'attached' })
    await expect.poll(() => focused(page)).toMatch(/Regenerate/)

    // The focus of a removed element moves to the next one.
    await tabTo(page, 'button "Remove the card')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /^Remove the card/ }).waitFor({ state: 'detached' })
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Add a card')
    await page.keyboard.press('Enter')
    await tabTo(page, 'textbox "Note"')
    await page.keyboard.type('Sockets stay open.')
    await tabTo(page, 'button "Add"')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Remove the card Sockets stay open.' }).waitFor()

    await page.getByRole('button', { name: 'Close the session' }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toBe('button "Leave it open"')
    await page.keyboard.press('Escape')
    expect(await focused(page)).toMatch(/^button "Close the session"/)
    await page.keyboard.press('Enter')
    await tabTo(page, 'button "Close it"')
    await page.keyboard.press('Enter')
    await page.getByText('This session is closed and read-only.').waitFor()
    await expect.poll(() => focused(page)).not.toBe('nothing')
    expect(opened.errors).toEqual([])
  })

  test('elements above the conversation on a phone precede it in the focus order', async () => {
    await using opened = await open(`/?session=${ids.session}`, { viewport: { width: 390, height: 844 } })
    const { page } = opened
    await page.getByText('Cards and people').waitFor()
    const above = await tabTo(page, 'region "Conversation"')
    expect(above.at(-1)).toMatch(/Cards and people/)
    expect(opened.errors).toEqual([])
  })

  test('a project is opened, broken, fixed where the problem links to, and deleted', async () => {
    await using opened = await open('/?page=projects')
    const { page } = opened
    await tabTo(page, /^link "ws/)
    await page.keyboard.press('Enter')
    const files = page.getByRole('navigation', { name: 'Files' })
    await files.waitFor()
    await tabTo(page, 'button "app.js')
    await page.keyboard.press('Enter')
    await tabTo(page, 'textbox "Content of app.js"')
    await page.keyboard.type('let b = ;\n')
    await page.keyboard.press('Control+s')
    await page.getByRole('alert').getByText('1 problem').waitFor()
    await page.getByRole('button', { name: /^app\.js, line 1/ }).focus()
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toMatch(/^textbox "Content of app.js"/)
    // Tab leaves the editor.
    await page.keyboard.press('Shift+Tab')
    expect(await focused(page)).toMatch(/^button "Sync/)
    await page.keyboard.press('Shift+Tab')
    expect(await focused(page)).toBe('button "Undo all"')
    await page.keyboard.press('Enter')
    await expect.poll(() => focused(page)).toMatch(/^button "Sync/)

    await tabTo(page, 'textbox "Content of app.js"')
    await page.getByRole('button', { name: 'Add a file' }).focus()
    await page.keyboard.press('Enter')
    expect(await focused(page)).toMatch(/^textbox "New file name"/)
    await page.keyboard.press('Escape')
    await expect.poll(() => focused(page)).toBe('button "Add a file"')

    await page.getByRole('button', { name: /^Delete ws/ }).focus()
    await page.keyboard.press('Enter')
    await tabTo(page, 'button "Delete for good"')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Small web projects from your documents.' }).waitFor()
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    expect(opened.errors).toEqual([])
  })
})
