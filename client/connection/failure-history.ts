import type { LossKind } from '../transport/transport.ts'

/** Remembers how the connections over each transport failed. */
interface Failures {
  /**
   * Records the end of a confirmed connection.
   *
   * @param lifetimeMs - from its opening until its end was noticed
   * @returns the number of silent deaths on this transport within the window, including this one
   */
  record(level: number, end: { readonly kind: LossKind; readonly steady: boolean; readonly lifetimeMs: number }): number
  /**
   * How long a probe of this transport must live before it is used: as long as the last connection
   * that failed on it.
   */
  trialMs(level: number): number
}

/** Creates an empty memory. @param windowMs - how long a failure counts; also the longest trial */
export function createFailures(windowMs: number, now: () => number = Date.now): Failures {
  const silentDeaths = new Map<number, readonly number[]>()
  const lifetimes = new Map<number, number>()
  return {
    record(level, { kind, steady, lifetimeMs }) {
      const recent = (silentDeaths.get(level) ?? []).filter((at) => now() - at < windowMs)
      const failures = kind === 'silent' ? [...recent, now()] : recent
      silentDeaths.set(level, failures)
      if (kind === 'silent' || (kind === 'failed' && !steady)) lifetimes.set(level, Math.min(windowMs, lifetimeMs))
      return failures.length
    },
    trialMs: (level) => lifetimes.get(level) ?? 0,
  }
}
