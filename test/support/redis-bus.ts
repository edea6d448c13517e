import type { Bus } from '../../src/bus/bus.ts'
import { type RedisAddress, readRedisAddress } from '../../src/bus/redis-address.ts'
import { createRedisBus, type RedisBusOptions } from '../../src/bus/redis-bus.ts'
import { silentLogger } from '../../src/logger.ts'

/** Signs the messages of the tests. */
export const busKey = 'a key of the tests'

/** Returns the address of a URL, without files for TLS. */
export function redisAddressOf(url: string, isSharded = true): RedisAddress {
  const address = readRedisAddress({
    REDIS_URL: url,
    REDIS_PUBSUB: isSharded ? 'sharded' : 'classic',
    REDIS_TLS_CA: undefined,
    REDIS_TLS_CERT: undefined,
    REDIS_TLS_KEY: undefined,
  })
  if (address === null) throw new Error('There is no URL')
  return address
}

/** Creates the bus of one process. */
export function createTestBus(url: string, options: Partial<RedisBusOptions> = {}): Bus {
  return createRedisBus({ address: redisAddressOf(url), key: busKey, logger: silentLogger, ...options })
}
