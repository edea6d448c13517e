/**
 * Creates a keyed queue: runs async work serially per key within this process.
 *
 * @example
 * const inTurn = createKeyedQueue()
 * await inTurn(userId, () => importFile(userId, file))
 */
export function createKeyedQueue(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (name, work) => {
    const before = last.get(name) ?? Promise.resolve()
    const current = before.then(work, work)
    last.set(name, current)
    try {
      return await current
    } finally {
      if (last.get(name) === current) last.delete(name)
    }
  }
}
