import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from './support/browser.ts'
import { textOf } from './support/model.ts'
import { openPage, withoutInbox } from './support/page.ts'
import { startWorld, type World } from './support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld()])
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('retrying a piece in the browser', () => {
  test('shows it as generating at once, streams it and completes, with one mutation and no other request', async () => {
    const roadmapId = await world.makeRoadmap()
    const gate = Promise.withResolvers<void>()
    world.model.answer = async function* (asked) {
      yield '# Owls\n\nThe first half '
      await gate.promise
      yield* textOf(asked).slice(1)
    }
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page, requests } = opened
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    const article = page.getByRole('article')
    await article.getByText('The quiz of Owls.').waitFor()
    await page.getByRole('status').getByText('Connection: Live').waitFor({ state: 'attached' })

    const answered = Promise.withResolvers<void>()
    await page.route('**/graphql', async (route) => {
      await answered.promise
      await route.continue()
    })
    requests.length = 0
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    await page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor()
    await article.getByText('Generating', { exact: true }).waitFor()
    answered.resolve()
    await article.getByText('The first half').waitFor()
    gate.resolve()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await article.getByText('The first half The quiz of Owls. The 2. version.').waitFor()
    await page.getByRole('region', { name: 'Regenerating content' }).getByText('Completed', { exact: true }).waitFor()

    expect(withoutInbox(requests)).toEqual(['RetryContent'])
    expect(opened.sockets).toBe(1)
    expect(opened.errors).toEqual([])
  })

  test('shows why a piece failed, and can be repeated until it succeeds', async () => {
    world.model.answer = (asked) => (asked.title === 'Owls' && asked.piece === 'QUIZ' ? 'refuse' : textOf(asked))
    const roadmapId = await world.makeRoadmap()
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    await page.getByRole('link', { name: 'Quiz of Owls, failed' }).click()
    const article = page.getByRole('article')
    await article.getByText('Failed', { exact: true }).waitFor()
    await article.getByText('Check OPENAI_MODEL and OPENAI_BASE_URL.').waitFor()
    await page.getByRole('button', { name: 'Retry: Quiz of Owls' }).click()
    await page.getByRole('region', { name: 'Regenerating content' }).getByText('Failed', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Quiz of Owls, failed' }).waitFor()

    world.model.answer = textOf
    await page.getByRole('button', { name: 'Retry 1 failed piece' }).click()
    await article.getByText('The quiz of Owls.').waitFor()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    expect(await page.getByRole('button', { name: /that failed/ }).count()).toBe(0)
    expect(opened.errors).toEqual([])
  })

  test('is picked up by a page that is reloaded during the task', async () => {
    const gate = Promise.withResolvers<void>()
    world.model.answer = async function* (asked) {
      yield `# ${asked.title}\n\nBefore the reload, `
      if (asked.piece === 'QUIZ') await gate.promise
      yield 'and after it.\n'
    }
    const { roadmapId } = await world.startRoadmap()
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    await page.getByRole('link', { name: 'Tutorial of Owls, ready' }).waitFor()
    await page.getByRole('link', { name: 'Quiz of Owls, generating' }).click()
    const article = page.getByRole('article')
    await article.getByText('Before the reload,').waitFor()
    await page.reload()
    await article.getByText('Before the reload,').waitFor()
    await page.getByRole('progressbar', { name: 'Creating roadmap' }).waitFor()
    gate.resolve()
    await article.getByText('Before the reload, and after it.').waitFor()
    await vi.waitFor(async () =>
      expect(await page.getByRole('link', { name: /, ready$/ }).count()).toBeGreaterThanOrEqual(6),
    )
    expect(opened.errors).toEqual([])
  })

  test('works after the task was canceled', async () => {
    world.model.answer = async function* (asked) {
      yield `# ${asked.title}\n\n`
      await new Promise(() => undefined)
    }
    const { roadmapId } = await world.startRoadmap()
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    const panel = page.getByRole('region', { name: 'Creating roadmap' })
    await page.getByRole('link', { name: 'Tutorial of Owls, generating' }).waitFor()
    await panel.getByRole('button', { name: 'Cancel: Creating roadmap' }).click()
    await panel.getByText('Canceled', { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Tutorial of Owls, failed' }).waitFor()
    world.model.answer = textOf
    await panel.getByRole('button', { name: 'Retry: Creating roadmap' }).click()
    await page.getByRole('link', { name: 'Tutorial of Owls, ready' }).waitFor()
    await panel.getByText('Completed', { exact: true }).waitFor()
    expect(opened.errors).toEqual([])
  })

  test('shows the queue positions of waiting tasks, which move up', async () => {
    world.model.answer = textOf
    const roadmapId = await world.makeRoadmap({ titles: ['Owls', 'Robins', 'Terns'] })
    const gates: PromiseWithResolvers<void>[] = []
    world.model.answer = async function* (asked) {
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      await gate.promise
      yield* textOf(asked)
    }
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    // Four of a kind run at a time.
    for (const title of ['Owls', 'Robins'])
      for (const piece of ['Tutorial', 'Resources', 'Quiz']) {
        await page.getByRole('link', { name: `${piece} of ${title}, ready` }).click()
        await page.getByRole('button', { name: `Regenerate: ${piece} of ${title}` }).click()
        await page.getByRole('link', { name: `${piece} of ${title}, generating` }).waitFor()
      }
    await page.getByText('2nd of 2 in the queue').waitFor()
    await vi.waitFor(() => expect(gates).toHaveLength(4))
    gates[0]?.resolve()
    await page.getByText('Next in the queue').waitFor()
    await vi.waitFor(() => expect(gates).toHaveLength(5))
    gates[1]?.resolve()
    await page.getByText('Next in the queue').waitFor({ state: 'detached' })
    await vi.waitFor(() => expect(gates).toHaveLength(6))
    for (const gate of gates) gate.resolve()
    await vi.waitFor(async () => expect(await page.getByRole('link', { name: /of .*, ready$/ }).count()).toBe(9))
    expect(opened.errors).toEqual([])
  })
})
