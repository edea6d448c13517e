import { vi } from 'vitest'

/**
 * How long `vi.waitFor` waits where a test does not say: its own second is little on a machine that runs whole servers and browsers beside
 * it, and there is no setting for it. What comes at once takes no longer for it.
 */
const timeout = 15_000
const waitFor: typeof vi.waitFor = vi.waitFor.bind(vi)
vi.waitFor = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout, interval: 20, ...options })
