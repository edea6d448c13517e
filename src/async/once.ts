/** Runs work on the first call, and again after it failed; all calls return its promise. `started` returns it without a call. */
export function once<A extends readonly unknown[], T>(
  work: (...args: A) => Promise<T>,
): ((...args: A) => Promise<T>) & { started(): Promise<T> | undefined } {
  let promise: Promise<T> | undefined
  const run = (...args: A): Promise<T> => {
    if (promise === undefined) {
      promise = work(...args)
      promise.catch(() => {
        promise = undefined
      })
    }
    return promise
  }
  return Object.assign(run, { started: () => promise })
}
