/**
 * Collects what is asked for in one turn of the event loop and answers all of it with one call, so that a crowd costs one query.
 *
 * @param answer - gives the values of keys, in their order; keys may repeat
 */
export function createBatch<K, V>(answer: (keys: readonly K[]) => Promise<readonly V[]>): (key: K) => Promise<V> {
  let keys: K[] = []
  let batch: Promise<readonly V[]> | undefined
  return async (key) => {
    const index = keys.push(key) - 1
    batch ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      const asked = keys
      keys = []
      batch = undefined
      return answer(asked)
    })
    const values = await batch
    return values[index] as V
  }
}
