import type { LossKind } from '../transport/transport.ts'

/** Remembers how the connections over each transport failed. */
export interface Failures {
  /**
   * Records the end of a confirmed connection.
   *
   * @param lifetimeMs - from its opening until its end was noticed
   * @returns the number of silent deaths on this transport within the window, including this one
   */
  record(rung: number, end: { readonly kind: LossKind; readonly steady: boolean; readonly lifetimeMs: number }): number
  /**
   * How long a probe of this transport must live before it is used: as long as the last connection
   * that failed on it.
   */
  trialMs(rung: number): number
}

/** Creates an empty memory. @param windowMs - how long a failure counts; also the longest trial */
export function createFailures(windowMs: number, now: () => number = Date.now): Failures {
  const silentDeaths = new Map<number, readonly number[]>()
  const lifetimes = new Map<number, number>()
  return {
    record(rung, { kind, steady, lifetimeMs }) {
      const recent = (silentDeaths.get(rung) ?? []).filter((at) => now() - at < windowMs)
      const counted = kind === 'silent' ? [...recent, now()] : recent
      silentDeaths.set(rung, counted)
      if (kind === 'silent' || (kind === 'failed' && !steady)) lifetimes.set(rung, Math.min(windowMs, lifetimeMs))
      return counted.length
    },
    trialMs: (rung) => lifetimes.get(rung) ?? 0,
  }
}
