import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Site, startSite } from '../../client/support/site.ts'
import { eventually } from '../../client/support/watch.ts'
import { shareBrowser } from '../../e2e/support/browser.ts'

let site: Site
let browser: Browser
beforeAll(async () => {
  site = await startSite({ MAX_STREAM_MS: '1000' })
  browser = await shareBrowser()
})
afterAll(() => site?.[Symbol.asyncDispose]())

test('a plain EventSource receives every event once over streams that are cut, and stops after the last', async () => {
  const id = await site.count(4)
  await using context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${site.server.url}/health/live`)
  const query = 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { seq } }'
  const params = new URLSearchParams({ query, variables: JSON.stringify({ id }) })
  await page.evaluate((path) => {
    const seqs: number[] = []
    const source = new EventSource(path)
    Object.assign(globalThis, { seqs, source })
    source.addEventListener('next', (event) => {
      const { data } = JSON.parse((event as MessageEvent<string>).data) as { data: { taskProgress: { seq: number } } }
      seqs.push(data.taskProgress.seq)
    })
  }, `/graphql?${params}`)
  const { metrics } = site.server
  for (const streams of [1, 2, 3, 4]) {
    await eventually(() => expect(metrics.connectionsOpened.sse).toBeGreaterThanOrEqual(streams))
    site.step(1)
  }
  // After `complete` an EventSource connects once more; the response is 204.
  await eventually(async () =>
    expect(await page.evaluate(() => (globalThis as unknown as { source: EventSource }).source.readyState)).toBe(2),
  )
  const seqs = await page.evaluate(() => (globalThis as unknown as { seqs: number[] }).seqs)
  expect(seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
})
