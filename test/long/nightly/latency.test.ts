import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { openPage } from '../../e2e/support/page.ts'
import { startWorld } from '../../e2e/support/world.ts'

const samples = 100

test('every yield of a worker reaches the page, and the latency is printed', async () => {
  await using world = await startWorld()
  const browser = await shareBrowser()
  const roadmapId = await world.makeRoadmap()
  const started = Promise.withResolvers<void>()
  world.model.answer = async function* () {
    yield '# Times\n\n'
    await started.promise
    for (let index = 0; index < samples; index++) {
      // Far enough apart for each to be a separate report, and at no fixed distance to the windows
      // in which bursts are merged.
      await delay(60 + Math.random() * 60)
      yield `t${(performance.timeOrigin + performance.now()).toFixed(2)} `
    }
  }
  await using opened = await openPage(browser, `${world.url}/?roadmap=${roadmapId}`)
  const { page } = opened
  await page.getByRole('link', { name: 'Quiz of Owls, ready' }).click()
  await page.getByRole('article').getByText('The quiz of Owls.').waitFor()
  await page.getByRole('button', { name: 'Regenerate: Quiz of Owls' }).click()
  await page.getByRole('link', { name: 'Quiz of Owls, generating' }).waitFor()
  const measured = page.evaluate(
    (wanted) =>
      new Promise<number[]>((resolve) => {
        const seen = new Map<string, number>()
        const look = (): void => {
          const now = performance.timeOrigin + performance.now()
          for (const [stamp] of document.querySelector('article')?.textContent?.matchAll(/t\d{13}\.\d\d/g) ?? [])
            if (!seen.has(stamp)) seen.set(stamp, now - Number(stamp.slice(1)))
          if (seen.size >= wanted) resolve([...seen.values()])
        }
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
      }),
    samples,
  )
  started.resolve()
  const times = (await measured).sort((a, b) => a - b)
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(0)
  console.log(
    `From a worker's yield to the changed page: median ${at(0.5)} ms, 99th percentile ${at(0.99)} ms (${times.length} samples)`,
  )
  expect(times).toHaveLength(samples)
})
