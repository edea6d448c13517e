import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { runSelfTest } from '../../../client/self-test/self-test.ts'
import { findGap, quantile } from '../../../client/self-test/statistics.ts'
import { type Site, startSite } from '../../client/support/site.ts'
import { eventually } from '../../client/support/watch.ts'

// Machines that run tests are busy: speed is not the subject of these tests.
const patient = { stabilityMs: 500, connections: 5, maxLatencyMs: 60_000, minEventsPerSecond: 1 }

describe('the self-test', () => {
  let site: Site
  beforeAll(async () => {
    site = await startSite({ SELF_TEST: 'true' })
  })
  afterEach(() => site.proxy.heal())
  afterAll(() => site[Symbol.asyncDispose]())

  it('leaves nothing open on the deployment', async () => {
    await runSelfTest({ client: { url: site.url }, only: ['many connections', 'racing updates'], ...patient })
    await expect.poll(() => site.engine.engine.feeds.size).toBe(0)
    await expect.poll(() => site.server.connections.size).toBe(0)
  })

  it('fails checks below the required values, with the figures', async () => {
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

  it('fails where events are duplicated on the wire, although the client removes them', async () => {
    site.proxy.doubleFrames()
    // Node opens WebSockets on idle connections, too.
    site.proxy.resetAll()
    const report = await runSelfTest({
      client: { url: site.url, transports: ['websocket'] },
      only: ['ordering', 'recovery from errors'],
      ...patient,
    })
    expect(report.checks.map(({ passed }) => passed)).toEqual([false, false])
    for (const { figures } of report.checks) expect(figures).toMatch(/NOT once and in order over the wire: \d+ times/)
  })

  it('fails where a network adds 500 ms, and names the round trip', async () => {
    site.proxy.delay(500)
    const report = await runSelfTest({ client: { url: site.url }, only: ['latency'], ...patient, maxLatencyMs: 500 })
    expect(report.passed).toBe(false)
    expect(report.checks[0]?.figures).toMatch(/events on websocket, with a round trip of \d+ ms/)
  })

  it('names the transport that is blocked, and measures over another one', async () => {
    site.proxy.blockUpgrades()
    const names = ['transport websocket', 'transport sse', 'transport polling', 'latency', 'reconnection', 'stability']
    const report = await runSelfTest({ client: { url: site.url }, only: names, ...patient })
    expect(report.checks.map(({ name, passed }) => [name, passed])).toEqual(
      names.map((name) => [name, name !== 'transport websocket']),
    )
    expect(report.checks[0]?.figures).toMatch(/^does not work: .+/)
    expect(report.checks.find(({ name }) => name === 'latency')?.figures).toMatch(/on sse/)
  })

  it('uses only the allowed transports', async () => {
    const only = ['transport websocket', 'transport sse', 'transport polling']
    const report = await runSelfTest({ client: { url: site.url, transports: ['polling'] }, only, ...patient })
    expect(report.checks.map(({ name, passed }) => [name, passed])).toEqual([['transport polling', true]])
  })

  it('queries the server for its own statistics, before and after', async () => {
    const { checks: results } = await runSelfTest({ client: { url: site.url }, only: ['server leaks'], ...patient })
    expect(results[0]).toMatchObject({
      passed: true,
      figures: expect.stringMatching(/subscriptions \d+ before, \d+ after/),
    })
  })

  it('fails where the server leaks a connection', async () => {
    const only = ['server leaks']
    await eventually(() => expect(site.server.connections.size).toBe(0))
    const countTasks = async (): Promise<number> =>
      (await site.engine.database.pool.query('select id from tidings.task')).rows.length
    const earlier = await countTasks()
    await using kept = site.client()
    // Once its task exists, it has read the earlier statistics; its subscribers then request
    // tokens.
    const token = async (): Promise<null> => {
      if ((await countTasks()) === earlier) return null
      kept.connection.subscribe(() => undefined)
      await eventually(() => expect(kept.connection.getSnapshot().status).toBe('live'))
      // The own one, and this one.
      await eventually(async () => {
        const servers = await site.engine.engine.admin.serverStatistics.read()
        expect(servers[0]?.byViewer[0]?.count).toBeGreaterThanOrEqual(2)
      })
      return null
    }
    const { checks: results } = await runSelfTest({
      client: { url: site.url, token },
      only,
      ...patient,
      serverCountsMs: 1_000,
    })
    expect(results[0]).toMatchObject({
      passed: false,
      figures: expect.stringMatching(/connections \d before, \d after/),
    })
  })

  it('reports that it is off where the deployment does not allow it', async () => {
    await using off = await startSite()
    const { passed, checks: results } = await runSelfTest({ client: { url: off.url }, only: ['latency'] })
    expect(passed).toBe(false)
    expect(results[0]?.figures).toBe('The self-test is off; start the server with SELF_TEST=true')
  })

  it('ends with a finding where no server responds', async () => {
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
  ] as const)('find the first number of %j that is out of line: %j', (seqs, gap) => {
    expect(findGap(seqs)).toBe(gap)
  })

  it('compute quantiles by the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100])
    expect(quantile([], 0.5)).toBeNaN()
  })
})
