import { createHash } from 'node:crypto'
import type { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { describeRedisAddress, type RedisAddress } from '../bus/redis-address.ts'
import { createRedisConnections, type RedisConnection, type RedisConnections } from '../bus/redis-connections.ts'
import { TidingsError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { type RateLimitBudgets, type RateLimitClass, rateLimitClasses } from './rate-limit-classes.ts'

/** The caller whose budget is used. */
export interface LimitedCaller {
  /** Of {@link keyOfUser} or {@link keyOfToken}; with null only the budget of the address is used. */
  readonly key: string | null
  /** The network of the address, see `networkOf`; with null only the budget of the key is used. */
  readonly network: string | null
}

/** Budgets of operations per minute, by caller and by address, shared by all servers. */
export interface RateLimits extends AsyncDisposable {
  /**
   * Uses one operation of a budget: first that of the caller, then that of the address, so that a
   * caller over its own budget uses up nothing of its neighbors'.
   *
   * @throws TidingsError `RATE_LIMITED` with `retryAfterMs` and `limit`, the class
   */
  take(name: RateLimitClass, caller: LimitedCaller): Promise<void>
}

const windowSeconds = 60
/** Longest wait for Redis; then this server counts by itself. */
const answerMs = 200

/**
 * Returns the key of a user. All callers of an address without a token share the budget of one
 * caller.
 */
export function keyOfUser(userId: string | null, network: string | null): string {
  return userId === null ? `anonymous:${network ?? 'unknown'}` : `user:${userId}`
}

/** Returns the key of a token: a digest, as tokens must not be stored. */
export function keyOfToken(token: string): string {
  return `token:${createHash('sha256').update(token).digest('base64url').slice(0, 22)}`
}

/**
 * Creates the limits. With Redis all servers of a database count together; while Redis does not
 * answer, each server counts by itself.
 *
 * @param options.redis - where all servers count together; null for this process alone
 * @param options.prefix - distinguishes the databases that share a Redis
 */
export async function createRateLimits(options: {
  readonly budgets: RateLimitBudgets
  readonly addressFactor: number
  readonly redis: RedisAddress | null
  readonly prefix: string
  readonly logger: Logger
}): Promise<RateLimits> {
  // Loaded on use: a process without tokens, and a worker, limit nothing.
  const limiting = await import('rate-limiter-flexible')
  const { budgets, addressFactor, prefix, logger } = options
  const connections = options.redis === null ? null : createRedisConnections(options.redis)
  const redis = connections === null ? null : openRedis(connections, logger)
  const createLimiter = (name: string, points: number): RateLimiterMemory | RateLimiterRedis => {
    const keyPrefix = `tidings:${prefix}:limit:${name}`
    const memory = new limiting.RateLimiterMemory({ keyPrefix, points, duration: windowSeconds })
    if (redis === null) return memory
    return new limiting.RateLimiterRedis({
      storeClient: redis,
      keyPrefix,
      points,
      duration: windowSeconds,
      // A caller over its budget costs no request to Redis until the window ends.
      inMemoryBlockOnConsumed: points + 1,
      insuranceLimiter: memory,
      rejectIfRedisNotReady: true,
    })
  }
  const limiters = new Map(
    (Object.keys(rateLimitClasses) as RateLimitClass[])
      .filter((name) => budgets[name] > 0)
      .map((name) => {
        const ofCaller = createLimiter(name, budgets[name])
        return [name, { ofCaller, ofAddress: createLimiter(`${name}:address`, budgets[name] * addressFactor) }]
      }),
  )

  return {
    async take(name, { key, network }) {
      const existing = limiters.get(name)
      if (existing === undefined) return
      if (key !== null) await consume(existing.ofCaller, name, key, 'one caller')
      if (network !== null) await consume(existing.ofAddress, name, network, 'one address')
    },
    [Symbol.asyncDispose]: async () => {
      redis?.disconnect()
      connections?.[Symbol.dispose]()
    },
  }
}

async function consume(
  limiter: RateLimiterMemory | RateLimiterRedis,
  name: RateLimitClass,
  key: string,
  whose: string,
): Promise<void> {
  try {
    await limiter.consume(key)
  } catch (rejected) {
    if (rejected instanceof Error) throw rejected
    const retryAfterMs = Math.max(1, Math.ceil((rejected as RateLimiterRes).msBeforeNext))
    throw new TidingsError(
      'RATE_LIMITED',
      `Too many ${wordsOf(name)} of ${whose}: at most ${limiter.points} in a minute; try again in ${Math.ceil(retryAfterMs / 1_000)} s`,
      { retryAfterMs, limit: name },
    )
  }
}

/** Returns the name of a class as words: `failed tokens`. */
function wordsOf(name: RateLimitClass): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function openRedis(connections: RedisConnections, logger: Logger): RedisConnection {
  const redis = connections.open({
    silenceMs: 3_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerMs,
  })
  const host = describeRedisAddress(connections.address)
  let isDown = false
  redis.on('error', (error: unknown) => {
    if (!isDown) logger.warn({ err: error, redis: host }, 'lost Redis; counting limits on this server only')
    isDown = true
  })
  redis.on('ready', () => {
    if (isDown) logger.info({ redis: host }, 'reconnected to Redis; counting limits together with other servers')
    isDown = false
  })
  return redis
}
