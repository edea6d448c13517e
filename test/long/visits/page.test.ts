import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage } from '../../e2e/support/page.ts'
import { startWorld, type World } from '../../e2e/support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld()])
})
afterAll(() => world?.[Symbol.asyncDispose]())

const text = [
  '# Birds',
  ...['Owls', 'Robins'].map((title) => `## ${title}\n\n${`${title} are birds. `.repeat(30)}`),
].join('\n\n')

describe('the page', () => {
  test('turns a dropped file into a document, then a roadmap, without another click', async () => {
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    const transfer = await page.evaluateHandle((body) => {
      const data = new DataTransfer()
      data.items.add(new File([body], 'birds.md', { type: 'text/markdown' }))
      return data
    }, text)
    await page
      .getByText('Drop a PDF, DOCX, HTML, Markdown or text file here')
      .dispatchEvent('drop', { dataTransfer: transfer })
    await page.waitForURL(/roadmap=/)
    await page.getByRole('heading', { name: 'Birds', level: 1 }).waitFor()
    await page.getByText('Generated from birds.md').waitFor()
    for (const title of ['Owls', 'Robins'])
      for (const piece of ['Tutorial', 'Resources', 'Quiz'])
        await page.getByRole('link', { name: `${piece} of ${title}, ready` }).waitFor()
    // The first piece that is ready is open, without a click.
    await page.getByRole('article').getByText('Owls', { exact: true }).waitFor()
    expect(await page.locator('.outline [aria-current="true"]').count()).toBe(1)
    expect(opened.errors).toEqual([])
  })

  test('refuses an unreadable file with the reason', async () => {
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'empty.md', mimeType: 'text/markdown', buffer: Buffer.from('') })
    await page.getByRole('alert').waitFor()
    expect((await page.getByRole('alert').textContent())?.length).toBeGreaterThan(10)
  })

  test('supports everything by keyboard: import, open, retry, view the tasks', async () => {
    await using opened = await openPage(browser, world.url)
    const { page } = opened
    await page.getByText('Roadmaps', { exact: true }).waitFor()
    const tabTo = async (name: RegExp | string): Promise<void> => {
      for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press('Tab')
        const focused = await page.evaluate(() => {
          const { activeElement: element } = document
          return element?.getAttribute('aria-label') ?? element?.textContent ?? ''
        })
        if (typeof name === 'string' ? focused === name : name.test(focused)) return
      }
      throw new Error(`Tab does not lead to ${name}`)
    }
    await tabTo('Or paste text')
    await page.keyboard.press('Enter')
    await tabTo(/^Text, Markdown/)
    await page.keyboard.insertText(text)
    await tabTo('Import')
    await page.keyboard.press('Enter')
    await page.waitForURL(/roadmap=/)
    await page.getByRole('link', { name: 'Quiz of Robins, ready' }).waitFor()
    await tabTo('Quiz of Owls, ready')
    await page.keyboard.press('Enter')
    await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
    await tabTo('Regenerate: Quiz of Owls')
    await page.keyboard.press('Enter')
    await page
      .getByRole('article')
      .getByText(/The \d. version/)
      .waitFor()
    await page.keyboard.press('Control+Home')
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
    await tabTo(/^Status/)
    await page.keyboard.press('Enter')
    await page.getByRole('complementary', { name: 'Status' }).getByText('Regenerating content').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('complementary', { name: 'Status' }).waitFor({ state: 'hidden' })
    expect(opened.errors).toEqual([])
  })

  test('shows the outline, then the piece, on a phone, and never scrolls horizontally', async () => {
    const roadmapId = await world.makeRoadmap()
    await using opened = await openPage(browser, world.url, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
    })
    const { page } = opened
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    await page.getByRole('heading', { name: 'Roadmaps' }).waitFor()
    expect(await overflow()).toBeLessThanOrEqual(0)
    // All pages are reachable, within the window.
    await page.getByRole('button', { name: 'Menu' }).tap()
    const links = await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').all()
    for (const link of links) {
      const box = await link.boundingBox()
      expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 1_000) <= 390).toBe(true)
    }
    await page.getByRole('link', { name: 'Documents' }).tap()
    await page.getByRole('heading', { name: 'Documents', level: 1 }).waitFor()
    expect(await links[0]?.isVisible()).toBe(false)
    await page.goto(`${world.url}/?roadmap=${roadmapId}`)
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).tap()
    await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
    expect(await page.getByRole('navigation', { name: 'Outline' }).isVisible()).toBe(false)
    expect(await overflow()).toBeLessThanOrEqual(0)
    await page.getByRole('link', { name: '← Outline' }).tap()
    await page.getByRole('navigation', { name: 'Outline' }).waitFor()
    expect(await overflow()).toBeLessThanOrEqual(0)
    expect(opened.errors).toEqual([])
  })

  test('is dark in dark mode, and has no motion where reduced motion is preferred', async () => {
    await using opened = await openPage(browser, world.url, { colorScheme: 'dark', reducedMotion: 'reduce' })
    const { page } = opened
    await page.getByRole('heading', { name: 'Roadmaps' }).waitFor()
    const [background, animations] = await page.evaluate(
      () => [getComputedStyle(document.documentElement).backgroundColor, document.getAnimations().length] as const,
    )
    expect(background).toBe('rgb(21, 23, 27)')
    expect(animations).toBe(0)
  })
})
