/**
 * Token buckets by key. A bucket is full at first, and refills at a constant rate: it allows bursts
 * and limits the average.
 */
interface TokenBuckets {
  /** Takes tokens. The level may become negative, down to the negative capacity. */
  take(key: string, tokens: number): void
  /** Returns the time until the bucket has tokens again, in milliseconds; 0 while it has. */
  waitMs(key: string): number
  /** Number of buckets that are not full. Full ones are forgotten from time to time. */
  readonly size: number
}

interface Bucket {
  tokens: number
  atMs: number
}

const minSweepSize = 1_000

/**
 * Creates token buckets within this process.
 *
 * @param options.perSecond - tokens by which a bucket refills
 * @param options.capacity - tokens of a full bucket
 * @param options.now - the clock, in milliseconds
 */
export function createTokenBuckets(options: {
  readonly perSecond: number
  readonly capacity: number
  readonly now?: () => number
}): TokenBuckets {
  const { perSecond, capacity, now = () => performance.now() } = options
  const buckets = new Map<string, Bucket>()
  let sweepSize = minSweepSize

  const levelOf = ({ tokens, atMs }: Bucket, atNowMs: number): number =>
    Math.min(capacity, tokens + ((atNowMs - atMs) * perSecond) / 1_000)
  const sweep = (atNowMs: number): void => {
    for (const [key, bucket] of buckets) if (levelOf(bucket, atNowMs) >= capacity) buckets.delete(key)
    sweepSize = Math.max(minSweepSize, 2 * buckets.size)
  }
  return {
    get size() {
      return buckets.size
    },
    take(key, tokens) {
      const atMs = now()
      const bucket = buckets.get(key)
      if (bucket === undefined) {
        buckets.set(key, { tokens: Math.max(-capacity, capacity - tokens), atMs })
        if (buckets.size >= sweepSize) sweep(atMs)
        return
      }
      bucket.tokens = Math.max(-capacity, levelOf(bucket, atMs) - tokens)
      bucket.atMs = atMs
    },
    waitMs(key) {
      const bucket = buckets.get(key)
      if (bucket === undefined) return 0
      const level = levelOf(bucket, now())
      return level > 0 ? 0 : ((1 - level) / perSecond) * 1_000
    },
  }
}
