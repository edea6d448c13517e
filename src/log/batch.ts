/** Keys that one call is asked for at most: what hangs on its answers runs in one turn, and must not take long. */
const maxKeys = 500
/** Calls under way at once; while they are, more is collected for the next, so that a crowd costs few queries. */
const maxCalls = 2

interface Asked<K, V> {
  readonly key: K
  resolve(value: V): void
  reject(error: unknown): void
}

/**
 * Collects what is asked for in one turn of the event loop, or while earlier calls are under way, and answers it with one
 * call. A key is always asked about after it was asked for, so the answer is never older than the question.
 *
 * @param answer - gives the values of keys, in their order; keys may repeat
 */
export function createBatch<K, V>(answer: (keys: readonly K[]) => Promise<readonly V[]>): (key: K) => Promise<V> {
  let waiting: Asked<K, V>[] = []
  let calls = 0
  let isScheduled = false

  const schedule = (): void => {
    if (isScheduled || calls >= maxCalls || waiting.length === 0) return
    isScheduled = true
    setImmediate(call)
  }
  const call = (): void => {
    isScheduled = false
    const asked = waiting.slice(0, maxKeys)
    waiting = waiting.slice(maxKeys)
    calls++
    schedule()
    answer(asked.map(({ key }) => key))
      .then(
        (values) => {
          for (const [index, { resolve }] of asked.entries()) resolve(values[index] as V)
        },
        (error: unknown) => {
          for (const { reject } of asked) reject(error)
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
