import { expect, test } from 'vitest'
import type { Figures } from './capacity-figures.ts'
import { dimension, eventBytes, findLimits, processBytes, simulateFailover, simulateStorm } from './simulation.ts'

/** Round numbers, from which the results can be computed by hand. */
const figures: Figures = {
  serverResumeUs: 1_000,
  postgresResumeUs: 100,
  serverConnectUs: 1_000,
  postgresConnectUs: 100,
  serverIdleUsPerSecond: 5,
  serverBytesPerSubscriber: 20_000,
  serverSharedDeliveryUs: 10,
  serverOwnDeliveryUs: 20,
  serverBusMessageUs: 10,
  postgresAppendUs: 40,
  postgresAppendWalBytes: 1_000,
  postgresStartUs: 200,
  postgresStartWithQueueUs: 400,
  postgresComparisonUs: 1,
  postgresSnapshotUs: 100,
  postgresConnectionUs: 5_000,
  postgresBytesPerConnection: 5_000_000,
  redisPublishUs: 4,
  redisDeliveryUs: 1,
  redisSubscribeUs: 2,
  redisBytesPerSubscription: 100,
  pgbouncerStatementUs: 20,
  pgbouncerTransactionUs: 60,
}
const storm = {
  clients: 4_000,
  servers: 1,
  serverBusy: 0,
  databaseCores: 4,
  databaseBusy: 0,
  redisPrimaries: 1,
  redisBusy: 0,
  backoffMs: 0,
  maxReconnectMs: 5_000,
  proofMs: 6_000,
  noticedWithinMs: 0,
  unavailableMs: 0,
  seed: 1,
}

test('clients without a pause return as fast as their server works', () => {
  const { allBackMs, attempts, unanswered, longestServerMs } = simulateStorm(storm, figures)
  expect(allBackMs).toBeCloseTo(4_000 + 0.002 + 0.1, 3)
  expect(longestServerMs).toBeCloseTo(4_000, 3)
  expect([attempts, unanswered]).toEqual([4_000, 0])
})

test('a busy server takes longer, and more servers less long', () => {
  expect(simulateStorm({ ...storm, serverBusy: 0.5, proofMs: 1e6 }, figures).allBackMs).toBeCloseTo(8_000, -1)
  expect(simulateStorm({ ...storm, servers: 4 }, figures).allBackMs).toBeLessThan(1_300)
})

test('attempts that are not answered in time are repeated, and every client returns', () => {
  const options = { ...storm, clients: 20_000 }
  const result = simulateStorm(options, figures)
  expect(result.unanswered).toBeGreaterThan(10_000)
  expect(result.attempts).toBe(20_000 + result.unanswered)
  expect(result.curve.at(-1)).toBe(1)
  expect(simulateStorm(options, figures)).toEqual(result)
  // Spread over more time than the server needs, all are answered.
  expect(simulateStorm({ ...options, backoffMs: 30_000, maxReconnectMs: 30_000 }, figures).unanswered).toBe(0)
})

test('clients whose servers are all unavailable return within the longest pause', () => {
  const result = simulateStorm({ ...storm, clients: 1_000, backoffMs: 500, unavailableMs: 30_000 }, figures)
  // Pauses of 0.5, 1, 2, 4, 5, 5 … s, of which each is half on average.
  expect(result.refused / 1_000).toBeGreaterThan(9)
  expect(result.refused / 1_000).toBeLessThan(18)
  expect(result.unanswered).toBe(0)
  expect(result.allBackMs).toBeGreaterThan(30_000)
  expect(result.allBackMs).toBeLessThan(36_100)
})

test('one of each component carries as many subscribers as its first limit allows', () => {
  const load = { subscribersPerTopic: 1, eventsPerSecond: 0.1, churnPerSecond: 0.001 }
  const choices = { subscribersPerServer: 10_000, utilization: 0.5, checkMs: 3_000 }
  const limits = findLimits(load, figures, { ...choices, zones: 3, proofMs: 6_000, probeMs: 3_000, retentionHours: 1 })
  const limitOf = (component: string, what: string): number =>
    limits.find((limit) => limit.component === component && limit.what.startsWith(what))?.subscribers ?? Number.NaN
  // For each subscriber and second: 5 idle, 1 for connections, 2 to deliver and 1 to receive its events.
  expect(limitOf('server', 'processor')).toBeCloseTo(500_000 / 9, 5)
  expect(limitOf('server', 'memory')).toBeCloseTo((1e9 - processBytes) / 20_000, 5)
  // Each of two servers that are left gets half of those of the third; busy for half of their time, it serves 3,000 in 6 s.
  expect(limitOf('server', 'clients')).toBeCloseTo(6_000, 5)
  expect(limitOf('Redis', 'subscriptions')).toBeCloseTo(750_000, 5)
  expect(limitOf('PostgreSQL', 'a disk')).toBeCloseTo(1e13 / 3_600 / eventBytes, 5)
  expect(limitOf('PostgreSQL', 'processor')).toBeCloseTo(500_000 / (4 + 0.1 + 1 / 3), 5)
})

test('a failover reads every topic again, in statements that wait for each other', () => {
  const options = {
    topicsPerServer: 2_000,
    servers: 8,
    databaseCores: 4,
    outageMs: 20_000,
    startsPerSecond: 10,
    heldMs: 8_000,
    backoffMs: 500,
    maxBackoffMs: 20_000,
    seed: 1,
  }
  const { snapshotsMs, longestStatementMs, startsMs } = simulateFailover({ ...options, startsPerSecond: 0 }, figures)
  // 16,000 topics of 0.1 ms on four cores; sixteen statements of 50 ms at once.
  expect(snapshotsMs).toBeCloseTo(400, 3)
  expect(longestStatementMs).toBeCloseTo(200, 3)
  expect(startsMs).toBe(0)
  // Those of the last 8 s are held, and made at once: 80,000 of 0.2 ms on four cores take 4 s.
  const many = simulateFailover({ ...options, topicsPerServer: 0, startsPerSecond: 10_000 }, figures)
  expect(many.longestStartMs).toBeGreaterThan(4_000)
  expect(many.startsMs).toBeLessThan(20_000)
})

test('an installation is as large as its subscribers, its events and the servers that follow a topic require', () => {
  const choices = { subscribersPerServer: 10_000, utilization: 0.5, checkMs: 2_000 }
  const own = { subscribers: 100_000, subscribersPerTopic: 1, eventsPerSecond: 0.1, churnPerSecond: 0 }
  const needs = dimension(own, figures, choices)
  expect(needs).toMatchObject({ topics: 100_000, servers: 10, eventsPerSecond: 10_000 })
  expect(needs.topicsPerServer).toBeCloseTo(10_000, 5)
  expect(needs.serverCores).toBeCloseTo(0.5 + 0.2 + 0.1, 5)
  expect(needs.databaseCores).toBeCloseTo(0.4 + 0.05, 5)
  expect(needs.walMegabytesPerSecond).toBeCloseTo(10, 5)
  // Ten times the events of one topic for all: each server receives each.
  const shared = dimension({ ...own, subscribersPerTopic: 100_000, eventsPerSecond: 100 }, figures, choices)
  expect(shared.servers).toBeGreaterThan(200)
  expect(shared.topicsPerServer).toBeCloseTo(1, 5)
})
