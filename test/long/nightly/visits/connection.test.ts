import { SignJWT } from 'jose'
import type { Browser } from 'playwright-core'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { textOf } from '../../../e2e/support/model.ts'
import { openPage, says } from '../../../e2e/support/page.ts'
import { startWebProxy } from '../../../e2e/support/web-proxy.ts'
import { createWords, wordsUpTo } from '../../../e2e/support/words.ts'
import { startWorld } from '../../../e2e/support/world.ts'

let browser: Browser
beforeAll(async () => {
  browser = await shareBrowser()
})

describe('the connection of a page', () => {
  test('shows that the server has died, and afterwards nothing is missing or repeated', async () => {
    await using world = await startWorld({}, { canCrash: true })
    const roadmapId = await world.makeRoadmap()
    const words = createWords()
    world.model.answer = () => words.text()
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    const article = page.getByRole('article')
    words.next(3)
    await article.getByText(wordsUpTo(3), { exact: true }).waitFor()
    await world.crash()
    await says(page, 'Reconnecting')
    words.next(2)
    await world.restart()
    await says(page, 'Live')
    // The worker died with the server: another attempt starts the text again.
    await article.getByText(wordsUpTo(5), { exact: true }).waitFor()
    words.next(2)
    words.end()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await article.getByText(wordsUpTo(7), { exact: true }).waitFor()
    expect(opened.errors).toEqual([])
  })

  test('falls back when sockets are blocked and streams buffered, and upgrades afterwards, without a gap', async () => {
    await using world = await startWorld()
    await using proxy = await startWebProxy(world.port)
    const roadmapId = await world.makeRoadmap()
    const words = createWords()
    world.model.answer = () => words.text()
    await using opened = await openPage(browser, `${proxy.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    await says(page, 'Live')
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    const article = page.getByRole('article')
    let told = 0
    const tell = async (): Promise<void> => {
      words.next(3)
      told += 3
      await article.getByText(wordsUpTo(told), { exact: true }).waitFor()
    }
    await tell()
    proxy.blockSockets = true
    await says(page, 'Live (fallback)')
    await tell()
    proxy.holdStreams = true
    await says(page, 'Delayed')
    await tell()
    proxy.blockSockets = false
    proxy.holdStreams = false
    await says(page, 'Live')
    await tell()
    words.end()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await article.getByText(wordsUpTo(told), { exact: true }).waitFor()
    expect(opened.errors).toEqual([])
  })

  test('shows offline mutations as waiting, and sends each once when the network is back', async () => {
    await using world = await startWorld()
    const roadmapId = await world.makeRoadmap()
    await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
    const { page, requests } = opened
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
    await says(page, 'Live')
    const asked = world.model.asked.length
    await page.context().setOffline(true)
    await says(page, 'Offline')
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    await page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor()
    await page
      .getByRole('region', { name: 'Waiting to be sent' })
      .getByText('is sent when the connection is back')
      .waitFor()
    requests.length = 0
    await page.context().setOffline(false)
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await page.getByRole('article').getByText('The quiz of Owls. The 2. version.').waitFor()
    expect(await page.getByRole('region', { name: 'Waiting to be sent' }).count()).toBe(0)
    expect(requests.filter((name) => name === 'RetryContent')).toHaveLength(1)
    expect(world.model.asked).toHaveLength(asked + 1)
    expect(opened.errors).toEqual([])
  })

  test('keeps offline mutations across a reload, sends each once, and follows the tasks to their end', async () => {
    await using world = await startWorld()
    await using proxy = await startWebProxy(world.port)
    const roadmapId = await world.makeRoadmap()
    await using opened = await openPage(browser, `${proxy.url}/?roadmap=${roadmapId}`)
    const { page } = opened
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
    await says(page, 'Live')
    const asked = world.model.asked.length
    await page.route('**/graphql', (route) => route.abort())
    proxy.blockSockets = true
    await says(page, 'Reconnecting')
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    const waiting = page.getByRole('region', { name: 'Waiting to be sent' })
    await waiting.waitFor()
    await page.reload()
    await waiting.waitFor()
    await page.unroute('**/graphql')
    proxy.blockSockets = false
    await page.getByRole('article').getByText('The quiz of Owls. The 2. version.').waitFor()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    await waiting.waitFor({ state: 'detached' })
    expect(world.model.asked).toHaveLength(asked + 1)
    expect(opened.errors).toEqual([])
  })

  test('renews a token that expires during a stream, and the text continues where it was', async () => {
    const secret = 'a secret of the tests that is long enough'
    const sign = (sub: string, time: string) =>
      new SignJWT({ sub })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime(time)
        .sign(new TextEncoder().encode(secret))
    await using world = await startWorld({ JWT_SECRET: secret })
    const token = await sign('u_1', '5m')
    const roadmapId = await world.makeRoadmap({ token })
    const words = createWords()
    world.model.answer = () => words.text()
    await using opened = await openPage(browser, 'about:blank')
    const { page } = opened
    let signed = 0
    await page.context().exposeFunction('tidingsToken', () => {
      signed++
      return sign('u_1', '4s')
    })
    await page.goto(`${world.url}/?roadmap=${roadmapId}`)
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
    await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
    const article = page.getByRole('article')
    words.next(3)
    await article.getByText(wordsUpTo(3), { exact: true }).waitFor()
    const before = opened.sockets
    await vi.waitFor(() => expect(opened.sockets).toBeGreaterThan(before + 1))
    words.next(3)
    words.end()
    await article.getByText(wordsUpTo(6), { exact: true }).waitFor()
    await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    expect(signed).toBeGreaterThan(2)
    expect(opened.errors).toEqual([])
  })

  test('shows the same in two tabs of one viewer, and nothing of it to another viewer', async () => {
    const secret = 'a secret of the tests that is long enough'
    const sign = (sub: string) =>
      new SignJWT({ sub })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('5m')
        .sign(new TextEncoder().encode(secret))
    await using world = await startWorld({ JWT_SECRET: secret })
    const [mine, other] = await Promise.all([sign('u_1'), sign('u_2')])
    const words = createWords()
    world.model.answer = (asked) => (asked.piece === 'QUIZ' ? words.text() : textOf(asked))
    const { roadmapId } = await world.startRoadmap({ token: mine })
    const visit = async (token: string) => {
      const opened = await openPage(browser, `${world.url}/favicon.svg`)
      await opened.page.evaluate((value) => sessionStorage.setItem('tidings.token', value), token)
      await opened.page.goto(`${world.url}/?roadmap=${roadmapId}`)
      return opened
    }
    await using one = await visit(mine)
    await using two = await visit(mine)
    await using stranger = await visit(other)
    await stranger.page.getByText('There is no such roadmap.').waitFor()
    for (const { page } of [one, two]) await page.getByRole('link', { name: 'Quiz of Owls, generating' }).click()
    words.next(3)
    for (const { page } of [one, two])
      await page.getByRole('article').getByText(wordsUpTo(3), { exact: true }).waitFor()
    words.end()
    for (const { page } of [one, two]) await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor()
    expect([...one.errors, ...two.errors, ...stranger.errors]).toEqual([])
  })
})
