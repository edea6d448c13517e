/**
 * A function that runs work once at a time: a call during a run shares its promise. `pending()`
 * returns the promise of the current run, undefined when there is none.
 */
export type SingleFlight<T> = (() => Promise<T>) & { pending(): Promise<T> | undefined }

/** Creates the single flight of `work`. */
export function createSingleFlight<T>(work: () => Promise<T>): SingleFlight<T> {
  let running: Promise<T> | undefined
  const run = (): Promise<T> => {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
  return Object.assign(run, { pending: () => running })
}
