import { describe, expect, it } from 'vitest'
import { checks } from '../../../client/self-test/checks.ts'
import { runSelfTest } from '../../../client/self-test/self-test.ts'
import { findGap, quantile } from '../../../client/self-test/statistics.ts'
import { startSite } from '../support/site.ts'

// Machines that run tests are busy: what is slow is not what these tests are about.
const patient = { stabilityMs: 500, connections: 5, maxLatencyMs: 60_000, minEventsPerSecond: 1 }

describe('the self-test', () => {
  it('passes on a deployment that is well, and says what it measured', async () => {
    await using site = await startSite({ SELF_TEST: 'true' })
    const told: string[] = []
    const report = await runSelfTest({ client: { url: site.url }, onCheck: ({ name }) => told.push(name), ...patient })
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([])
    expect(report.passed).toBe(true)
    expect(told).toEqual(checks.map(({ name }) => name))
    for (const { figures } of report.checks) expect(figures).toMatch(/\d|tried again/)
  })

  it('leaves nothing open on the deployment', async () => {
    await using site = await startSite({ SELF_TEST: 'true' })
    await runSelfTest({ client: { url: site.url }, only: ['many connections', 'racing updates'], ...patient })
    await expect.poll(() => site.engine.engine.feeds.size).toBe(0)
    await expect.poll(() => site.server.connections.size).toBe(0)
  })

  it('fails what is worse than asked for, with the figures', async () => {
    await using site = await startSite({ SELF_TEST: 'true' })
    const report = await runSelfTest({
      client: { url: site.url },
      only: ['update frequency', 'ordering'],
      ...patient,
      minEventsPerSecond: 1_000_000_000,
    })
    expect(report.checks.map(({ name, passed }) => [name, passed])).toEqual([
      ['update frequency', false],
      ['ordering', true],
    ])
    expect(report.passed).toBe(false)
  })

  it('says that it is off where the deployment does not allow it', async () => {
    await using site = await startSite()
    const { passed, checks: results } = await runSelfTest({ client: { url: site.url }, only: ['latency'] })
    expect(passed).toBe(false)
    expect(results[0]?.figures).toBe('The self-test is off; start the server with SELF_TEST=true')
  })

  it('ends with a finding where nobody answers', async () => {
    const report = await runSelfTest({
      client: { url: 'http://127.0.0.1:1/graphql' },
      only: ['latency'],
      checkTimeoutMs: 500,
    })
    expect(report.passed).toBe(false)
  })
})

describe('its statistics', () => {
  it.each([
    [[1, 2, 3], null],
    [[4, 5, 7], 7],
    [[1, 2, 2], 2],
    [[1, 3, 2], 3],
    [[], null],
  ] as const)('finds the first number of %j that is out of line: %j', (seqs, gap) => {
    expect(findGap(seqs)).toBe(gap)
  })

  it('takes quantiles by the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100])
    expect(quantile([], 0.5)).toBeNaN()
  })
})
