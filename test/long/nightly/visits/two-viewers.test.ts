import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { textOf } from '../../../e2e/support/model.ts'
import { openPage, says, withoutInbox } from '../../../e2e/support/page.ts'
import { startWorld, type World } from '../../../e2e/support/world.ts'

let browser: Browser
let world: World
beforeAll(async () => {
  ;[browser, world] = await Promise.all([shareBrowser(), startWorld()])
})
afterAll(() => world?.[Symbol.asyncDispose]())

describe('two pages of one roadmap', () => {
  test('a retry on one is shown as generating on the other, streams there and completes, without a request', async () => {
    world.model.answer = textOf
    const roadmapId = await world.makeRoadmap()
    const gate = Promise.withResolvers<void>()
    world.model.answer = async function* (asked) {
      yield '# Owls\n\nThe first half '
      await gate.promise
      yield* textOf(asked).slice(1)
    }
    await using mine = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    await using other = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    for (const { page } of [mine, other]) {
      await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
      await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
      await says(page, 'Live')
    }
    mine.requests.length = 0
    other.requests.length = 0
    await other.page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    await mine.page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor()
    const article = mine.page.getByRole('article')
    await article.getByText('The first half').waitFor()
    // Of several running tasks each is followed, not only the newest.
    await other.page.getByRole('link', { name: 'Tutorial of Robins, ready' }).click()
    await other.page.getByRole('button', { name: 'Regenerate: Tutorial of Robins' }).click()
    await mine.page.getByRole('link', { name: 'Tutorial of Robins, generating' }).waitFor()
    gate.resolve()
    await mine.page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await mine.page.getByRole('link', { name: 'Tutorial of Robins, ready' }).waitFor()
    await article.getByText('The first half The quiz of Owls. The 2. version.').waitFor()

    expect(withoutInbox(mine.requests)).toEqual([])
    expect(mine.sockets).toBe(1)
    expect([...mine.errors, ...other.errors]).toEqual([])
  })

  test('a batch started on one is followed on the other to its end', async () => {
    world.model.answer = (asked) => (asked.piece === 'QUIZ' ? 'refuse' : textOf(asked))
    const roadmapId = await world.makeRoadmap()
    await using mine = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    await using other = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    for (const { page } of [mine, other]) {
      await page.getByRole('link', { name: 'Quiz of Owls, failed' }).waitFor()
      await says(page, 'Live')
    }
    const gate = Promise.withResolvers<void>()
    world.model.answer = async function* (asked) {
      await gate.promise
      yield* textOf(asked)
    }
    await other.page.getByRole('button', { name: /^Retry .*failed piece/ }).click()
    await mine.page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor()
    gate.resolve()
    for (const title of ['Owls', 'Robins'])
      await mine.page.getByRole('link', { name: `Quiz of ${title}, ready` }).waitFor()
    expect(await mine.page.getByRole('button', { name: /^Retry .*failed piece/ }).count()).toBe(0)

    // A deletion ends both.
    await other.page.getByRole('button', { name: /^Delete / }).click()
    await other.page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await other.page.waitForURL(`${world.url}/`)
    await mine.page.getByText('There is no such roadmap').waitFor()
    expect([...mine.errors, ...other.errors]).toEqual([])
  })
})
