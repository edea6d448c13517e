import type { Browser } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { shareBrowser } from '../../../e2e/support/browser.ts'
import { openTab, says } from '../../../e2e/support/page.ts'
import { startWebProxy } from '../../../e2e/support/web-proxy.ts'
import { startWorld } from '../../../e2e/support/world.ts'

let browser: Browser
beforeAll(async () => {
  browser = await shareBrowser()
})

test('without WebSockets, over HTTP/1.1, two tabs stream, further ones poll, and requests of all of them are answered', async () => {
  await using world = await startWorld()
  await using proxy = await startWebProxy(world.port)
  proxy.blockSockets = true
  const roadmapId = await world.makeRoadmap()
  const context = await browser.newContext()
  const tabs: Awaited<ReturnType<typeof openTab>>[] = []
  for (const status of ['Live (fallback)', 'Live (fallback)', 'Delayed', 'Delayed']) {
    const tab = await openTab(context, `${proxy.url}/?roadmap=${roadmapId}`)
    tabs.push(tab)
    await says(tab.page, status)
  }
  for (const { page } of tabs) {
    const status = await page.evaluate(async () => {
      const response = await fetch('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"query":"{ viewer { userId } }"}',
        signal: AbortSignal.timeout(30_000),
      })
      return response.status
    })
    expect(status).toBe(200)
  }
  // Tabs that poll take the place of closed ones.
  for (const { page } of tabs.splice(0, 2)) await page.close()
  for (const { page } of tabs) await says(page, 'Live (fallback)')
  await context.close()
})
