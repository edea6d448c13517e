import { afterAll, beforeAll, expect, test } from 'vitest'
import { checks } from '../../../client/self-test/checks.ts'
import { runSelfTest } from '../../../client/self-test/self-test.ts'
import { type Site, startSite } from '../../client/support/site.ts'

let site: Site
beforeAll(async () => {
  site = await startSite({ SELF_TEST: 'true' })
})
afterAll(() => site[Symbol.asyncDispose]())

test('the self-test passes on a healthy deployment, and reports its measurements', async () => {
  const reported: string[] = []
  const report = await runSelfTest({
    client: { url: site.url },
    onCheck: ({ name }) => reported.push(name),
    stabilityMs: 500,
    connections: 5,
    // Machines that run tests are busy; latency is not the subject here.
    maxLatencyMs: 60_000,
    minEventsPerSecond: 1,
  })
  expect(report.checks.filter(({ passed }) => !passed)).toEqual([])
  expect(report.passed).toBe(true)
  expect(reported).toEqual(checks.map(({ name }) => name))
  for (const { figures } of report.checks) expect(figures).toMatch(/\d|tried again/)
})
