import { setTimeout as pause } from 'node:timers/promises'
import { hangMs } from './patience.ts'

/**
 * Repeats a check until it passes. Works outside of tests too, unlike the functions of vitest.
 *
 * @returns its result
 * @throws the error of the last check, after `hangMs`
 */
export async function untilPassed<T>(check: () => T | Promise<T>): Promise<T> {
  for (const startedAt = performance.now(); ; await pause(50)) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() - startedAt > hangMs) throw error
    }
  }
}
