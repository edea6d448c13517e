import { vi } from 'vitest'
import { hangMs } from './patience.ts'

/**
 * Sets the default timeout of `vi.waitFor` to that of the tests; vitest has no setting for it, and
 * its default of a second is too short.
 */
const waitFor = vi.waitFor.bind(vi) as typeof vi.waitFor & { isPatient?: true }
// Test files that share a process run this once each.
if (!('isPatient' in vi.waitFor)) {
  const patient: typeof vi.waitFor = (callback, options) =>
    waitFor(callback, typeof options === 'number' ? options : { timeout: hangMs, interval: 20, ...options })
  vi.waitFor = Object.assign(patient, { isPatient: true })
}
