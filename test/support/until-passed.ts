import { setTimeout as pause } from 'node:timers/promises'
import { hangMs } from './patience.ts'

/**
 * Repeats a check until it passes. Works outside of tests too, unlike the functions of vitest.
 *
 * @throws the error of the last check, after `hangMs`
 */
export async function untilPassed(check: () => unknown): Promise<void> {
  for (const startedAt = performance.now(); ; await pause(50)) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() - startedAt > hangMs) throw error
    }
  }
}
