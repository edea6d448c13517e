import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { networkOf } from '../../src/network.ts'
import { createRateLimits, keyOfToken, keyOfUser, type RateLimits } from '../../src/rate-limits/rate-limits.ts'
import { createTcpProxy } from '../support/proxy.ts'
import { startRedis, type TestRedis } from '../support/redis.ts'
import { redisAddressOf } from '../support/redis-bus.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const open = (url: string | null, prefix = 'p', limits = 'messages=3,typing=0'): Promise<RateLimits> =>
  createRateLimits({
    budgets: parseConfig({ RATE_LIMITS: limits }).RATE_LIMITS,
    addressFactor: 2,
    redis: url === null ? null : redisAddressOf(url),
    prefix,
    logger: silentLogger,
  })
const ada = { key: keyOfUser('ada', '10.0.0.1'), network: '10.0.0.1' }
const bob = { key: keyOfUser('bob', '10.0.0.1'), network: '10.0.0.1' }
const cleo = { key: keyOfUser('cleo', '10.0.0.1'), network: '10.0.0.1' }
/** Uses the budget until it is refused. @returns how often it was not */
async function drain(limits: RateLimits, caller: Parameters<RateLimits['take']>[1], most = 20): Promise<number> {
  for (let uses = 0; uses < most; uses++)
    try {
      await limits.take('messages', caller)
    } catch (error) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED', details: { limit: 'messages' } })
      const { retryAfterMs } = (error as { details: { retryAfterMs: number } }).details
      expect(retryAfterMs).toBeGreaterThan(0)
      expect(retryAfterMs).toBeLessThanOrEqual(60_000)
      return uses
    }
  return most
}

describe.each([
  ['in one process', () => null],
  ['over Redis', () => redis.url],
])('budgets %s', (name, urlOf) => {
  test('refuse a caller, and an address, without using up the budget of others', async () => {
    await using limits = await open(urlOf(), name)
    expect(await drain(limits, ada)).toBe(3)
    // The refused attempts of ada are not counted for the address.
    expect(await drain(limits, bob)).toBe(3)
    // 2 times the budget of one caller.
    expect(await drain(limits, cleo)).toBe(0)
    expect(await drain(limits, { ...cleo, network: '10.0.0.2' })).toBeGreaterThan(0)
  })

  test('are separate for each class, and unlimited at 0', async () => {
    await using limits = await open(urlOf(), `${name} classes`)
    expect(await drain(limits, ada)).toBe(3)
    for (let n = 0; n < 30; n++) {
      await limits.take('typing', ada)
      await limits.take('queries', ada)
    }
  })
})

describe('budgets over Redis', () => {
  const reached = async (limits: RateLimits): Promise<void> => {
    await expect.poll(async () => (await redis.cli('KEYS', 'tidings:ready:*')) as unknown[]).toEqual([])
    await expect
      .poll(async () => {
        await limits.take('queries', { key: 'probe', network: null })
        return ((await redis.cli('KEYS', 'tidings:*:limit:queries*probe')) as unknown[]).length
      })
      .toBeGreaterThan(0)
  }

  test('are shared by all servers of a database, and with no other database', async () => {
    await using one = await open(redis.url, 'shared')
    await using two = await open(redis.url, 'shared')
    await using other = await open(redis.url, 'other')
    for (const limits of [one, two, other]) await reached(limits)
    for (let n = 0; n < 2; n++) await one.take('messages', ada)
    expect(await drain(two, ada)).toBe(1)
    expect(await drain(one, ada)).toBe(0)
    expect(await drain(other, ada)).toBe(3)
  })

  test('work on each server alone while Redis is down, does not answer, or was never there', async () => {
    await using proxy = await createTcpProxy(redis.port)
    await using limits = await open(`redis://127.0.0.1:${proxy.port}`, 'outage')
    await reached(limits)
    proxy.stall()
    expect(await drain(limits, ada)).toBe(3)
    proxy.refuse()
    proxy.resetAll()
    expect(await drain(limits, bob)).toBe(3)
    await proxy.heal()
    await reached(limits)
    await using never = await open('redis://127.0.0.1:1', 'never')
    expect(await drain(never, ada)).toBe(3)
  })
})

test('a caller without a token is its address, and a token is only known by a digest', () => {
  expect(keyOfUser(null, '10.0.0.1')).toBe('anonymous:10.0.0.1')
  expect(keyOfUser('10.0.0.1', null)).not.toBe(keyOfUser(null, '10.0.0.1'))
  expect(keyOfToken('Bearer secret')).not.toContain('secret')
  expect(keyOfToken('Bearer secret')).not.toBe(keyOfToken('Bearer other'))
})

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::9', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['0:0:0:0::/64', '0:0:0:0::/64'],
  ['2001:db8:1:2::/64', '2001:db8:1:2::/64'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['::FFFF:10.0.0.1', '10.0.0.1'],
  ['::ffff:a00:1', '10.0.0.1'],
  ['64:ff9b::10.0.0.1', '10.0.0.1'],
  ['64:ff9b::a00:1', '10.0.0.1'],
  ['::10.0.0.1', '0:0:0:0::/64'],
  ['10.0.0.1:5678', '10.0.0.1'],
  ['[2001:db8:1:2::3]:443', '2001:db8:1:2::/64'],
  ['[2001:db8:1:2::3]', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:3:4:5::', '2001:db8:1:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

test('the setting replaces single budgets, and refuses unknown classes', () => {
  expect(parseConfig({ RATE_LIMITS: 'messages=7' }).RATE_LIMITS).toMatchObject({ messages: 7, typing: 120 })
  expect(() => parseConfig({ RATE_LIMITS: 'mesages=7' })).toThrow(/RATE_LIMITS is "mesages=7"; .*messages.*not mesages/)
})
