import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDirectory } from '../support/directory.ts'
import { startRedis } from '../support/redis.ts'
import { startBrowser } from './support/browser.ts'
import { openPage, says } from './support/page.ts'
import { createWords, wordsUpTo } from './support/words.ts'
import { startWorld, type World } from './support/world.ts'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
})

/** Opens a roadmap on which a quiz is being written, word by word as the test says. */
async function watchWriting(world: World) {
  const roadmapId = await world.makeRoadmap()
  const words = createWords()
  world.model.answer = () => words.text()
  const opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
  const { page } = opened
  await says(page, 'Live')
  await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
  await page.getByRole('button', { name: 'Make again: Quiz of Owls' }).click()
  const article = page.getByRole('article')
  let told = 0
  return {
    ...opened,
    /** Tells more words, and waits until the page shows all there are, each once. */
    async tell(count = 3) {
      words.next(count)
      told += count
      await article.getByText(wordsUpTo(told), { exact: true }).waitFor({ timeout: 40_000 })
    },
    /** The same without waiting. */
    mumble(count = 3) {
      words.next(count)
      told += count
    },
    async end() {
      words.end()
      await page.getByRole('link', { name: 'Quiz of Owls, ready' }).waitFor({ timeout: 40_000 })
      await article.getByText(wordsUpTo(told), { exact: true }).waitFor()
    },
  }
}

describe('a page, when something behind it is away', { timeout: 120_000 }, () => {
  test('Redis: it stays live, events come by way of the log, and what is started is done', async () => {
    await using redis = await startRedis()
    await using world = await startWorld({ REDIS_URL: redis.url })
    const writing = await watchWriting(world)
    const { page } = writing
    await writing.tell()
    await redis.stop()
    for (let times = 0; times < 3; times++) await writing.tell()
    await says(page, 'Live')
    await page.getByRole('link', { name: 'Quiz of Robins, ready' }).click()
    await page.getByRole('button', { name: 'Make again: Quiz of Robins' }).click()
    await page.getByRole('link', { name: 'Quiz of Robins, being made' }).waitFor()
    await page.getByRole('article').getByText(wordsUpTo(12), { exact: true }).waitFor()
    await redis.start()
    await page.getByRole('link', { name: /^Quiz of Owls/ }).click()
    await writing.tell()
    await writing.end()
    await page.getByRole('link', { name: 'Quiz of Robins, ready' }).waitFor({ timeout: 40_000 })
    await says(page, 'Live')
    expect(writing.errors).toEqual([])
  })

  test('PostgreSQL: it says that it is not connected, and goes on by itself when it is back', async () => {
    await using directory = await createTestDirectory()
    const start = () => startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
    let postgres = await start()
    try {
      await using world = await startWorld({ DATABASE_URL: postgres.url })
      const writing = await watchWriting(world)
      const { page } = writing
      await writing.tell()
      const { url } = postgres
      await postgres[Symbol.asyncDispose]()
      await says(page, 'Reconnecting')
      writing.mumble()
      postgres = await start()
      expect(postgres.url).toBe(url)
      await says(page, 'Live')
      await writing.tell()
      await writing.end()
      expect(writing.errors).toEqual([])
    } finally {
      await postgres[Symbol.asyncDispose]()
    }
  })

  test('the device that it is on, asleep until the server has given it up: it catches up when it wakes', async () => {
    await using world = await startWorld()
    const writing = await watchWriting(world)
    const { page } = writing
    await writing.tell()
    const session = await browser.newBrowserCDPSession()
    const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
      readonly processInfo: readonly { readonly id: number }[]
    }
    const signal = (name: NodeJS.Signals): void => {
      for (const { id } of processInfo) process.kill(id, name)
    }
    const sockets = async (): Promise<string | undefined> => {
      const text = await (await fetch(`${world.url}/metrics`)).text()
      return /^tidings_connections\{transport="ws"\} (\d+)$/m.exec(text)?.[1]
    }
    expect(await sockets()).toBe('1')
    signal('SIGSTOP')
    try {
      writing.mumble()
      // It pings every 12 s, and cuts who has not answered the one before.
      await vi.waitFor(async () => expect(await sockets()).toBe('0'), { timeout: 40_000, interval: 250 })
    } finally {
      signal('SIGCONT')
    }
    await writing.tell()
    await says(page, 'Live')
    await writing.end()
    expect(writing.errors).toEqual([])
  })

  test('the page itself, frozen by the browser: it catches up when it is thawed', async () => {
    await using world = await startWorld()
    const writing = await watchWriting(world)
    const { page } = writing
    await writing.tell()
    const session = await page.context().newCDPSession(page)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    writing.mumble()
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await writing.tell()
    await says(page, 'Live')
    await writing.end()
    expect(writing.errors).toEqual([])
  })
})
