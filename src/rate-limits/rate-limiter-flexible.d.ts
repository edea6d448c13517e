/**
 * The used part of the library. Its own declarations name the clients of a dozen stores, with types
 * of packages that are not installed.
 */
declare module 'rate-limiter-flexible' {
  interface LimiterOptions {
    readonly keyPrefix: string
    /** Operations per `duration`. */
    readonly points: number
    /** In seconds. */
    readonly duration: number
  }
  /** The state of a key; `consume` rejects with it when the budget is used up. */
  interface RateLimiterRes {
    readonly msBeforeNext: number
  }
  class RateLimiterMemory {
    readonly points: number
    constructor(options: LimiterOptions)
    consume(key: string): Promise<RateLimiterRes>
  }
  class RateLimiterRedis {
    readonly points: number
    constructor(
      options: LimiterOptions & {
        readonly storeClient: unknown
        readonly inMemoryBlockOnConsumed: number
        readonly insuranceLimiter: RateLimiterMemory
        readonly rejectIfRedisNotReady: boolean
      },
    )
    consume(key: string): Promise<RateLimiterRes>
  }
}
