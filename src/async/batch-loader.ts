/**
 * Maximum number of keys per call: the continuations of all its results run in one turn, which must
 * not take long.
 */
const maxKeys = 500
/**
 * Maximum number of concurrent calls; further keys are collected for the next call meanwhile, so
 * that many callers cost few queries.
 */
const maxCalls = 2

interface PendingKey<K, V> {
  readonly key: K
  resolve(value: V): void
  reject(error: unknown): void
}

/**
 * Creates a loader that collects the keys requested in one turn of the event loop, or while earlier
 * calls are in progress, and loads them with one call. A key is always loaded after it was
 * requested, so a value is never older than its request.
 *
 * @param answer - returns the values of keys, in their order; keys may repeat
 */
export function createBatchLoader<K, V>(answer: (keys: readonly K[]) => Promise<readonly V[]>): (key: K) => Promise<V> {
  let waiting: PendingKey<K, V>[] = []
  let calls = 0
  let isScheduled = false

  const schedule = (): void => {
    if (isScheduled || calls >= maxCalls || waiting.length === 0) return
    isScheduled = true
    setImmediate(call)
  }
  const call = (): void => {
    isScheduled = false
    const batch = waiting.slice(0, maxKeys)
    waiting = waiting.slice(maxKeys)
    calls++
    schedule()
    answer(batch.map(({ key }) => key))
      .then(
        (values) => {
          for (const [index, { resolve }] of batch.entries()) resolve(values[index] as V)
        },
        (error: unknown) => {
          for (const { reject } of batch) reject(error)
        },
      )
      .finally(() => {
        calls--
        schedule()
      })
  }
  return (key) =>
    new Promise<V>((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      schedule()
    })
}
