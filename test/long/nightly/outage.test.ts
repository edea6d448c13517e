import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { type Scene, setScene } from '../../e2e/support/scene.ts'
import { openStudio, type Studio } from '../../e2e/support/studio.ts'

let browser: Browser
let scene: Scene
let studio: Studio
beforeAll(async () => {
  browser = await shareBrowser()
  scene = await setScene(browser)
  studio = await openStudio(scene)
})
afterAll(() => scene?.[Symbol.asyncDispose]())

/** Waits until the server has `count` sockets. */
async function untilSockets(count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const text = await (await fetch(`${scene.world.url}/metrics`)).text()
      expect(/^tidings_connections\{transport="ws"\} (\d+)$/m.exec(text)?.[1]).toBe(String(count))
    },
    { interval: 250 },
  )
}
/** Stops the browser with all its pages, like a device that goes to sleep, or resumes it. */
async function signalBrowser(): Promise<(signal: 'SIGSTOP' | 'SIGCONT') => void> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
    readonly processInfo: readonly { readonly id: number }[]
  }
  return (signal) => {
    for (const { id } of processInfo) process.kill(id, signal)
  }
}

describe('all pages at once, during an outage', () => {
  test('of Redis, stay live, receive events through the log, and their actions complete', async () => {
    const { redis } = scene
    await studio.begin()
    await redis.stop()
    await studio.happen()
    await studio.act()
    await studio.show()
    await studio.say('Live')
    await redis.start()
    await studio.end()
  })

  test('of PostgreSQL, show that they are disconnected, keep actions, and continue automatically', async () => {
    const { postgres } = scene
    await studio.begin()
    await postgres.stop()
    await studio.say('Reconnecting')
    await studio.act()
    await postgres.start()
    await studio.say('Live')
    await studio.happen()
    await studio.show()
    await studio.end()
  })

  test('of the server, killed while Redis is unavailable, show it, keep actions, and are live without Redis again', async () => {
    const { world, redis } = scene
    await studio.begin()
    await redis.stop()
    await world.crash()
    await studio.say('Reconnecting')
    await studio.act()
    await world.restart()
    await studio.tryNow()
    await studio.happen()
    await studio.show()
    await redis.start()
    await studio.end()
  })

  test('of their device, asleep while its connection is cut, catch up when it wakes', async () => {
    await studio.begin()
    await untilSockets(studio.tabs.length)
    const signal = await signalBrowser()
    signal('SIGSTOP')
    try {
      // As the server does itself for a client that does not answer pings for long enough.
      scene.line.resetAll()
      await untilSockets(0)
      await studio.happen()
    } finally {
      signal('SIGCONT')
    }
    await studio.act()
    await studio.say('Live')
    await studio.show()
    await studio.end()
  })

  test('of their own, frozen by the browser, catch up when they are resumed', async () => {
    await studio.begin()
    await studio.act()
    const sessions = await Promise.all(studio.tabs.map(({ page }) => page.context().newCDPSession(page)))
    for (const session of sessions) await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await studio.happen()
    for (const session of sessions) await session.send('Page.setWebLifecycleState', { state: 'active' })
    await studio.show()
    await studio.end()
  })
})
