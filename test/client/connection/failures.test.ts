import { expect, test } from 'vitest'
import { createFailures } from '../../../client/connection/failure-history.ts'

test('counts silent failures within the window, per transport and regardless of the age of the connection', () => {
  let now = 0
  const failures = createFailures(1_000, () => now)
  const silent = { kind: 'silent', steady: true, lifetimeMs: 400 } as const
  expect(failures.record(0, silent)).toBe(1)
  now = 500
  expect(failures.record(1, silent)).toBe(1)
  expect(failures.record(0, { ...silent, kind: 'failed' })).toBe(1)
  expect(failures.record(0, silent)).toBe(2)
  now = 1_200
  expect(failures.record(0, silent)).toBe(2)
  now = 3_000
  expect(failures.record(0, silent)).toBe(1)
})

test('a trial lasts as long as the last failed connection, at most the window', () => {
  const failures = createFailures(1_000, () => 0)
  expect(failures.trialMs(0)).toBe(0)
  failures.record(0, { kind: 'silent', steady: true, lifetimeMs: 700 })
  expect(failures.trialMs(0)).toBe(700)
  failures.record(0, { kind: 'failed', steady: false, lifetimeMs: 20 })
  expect(failures.trialMs(0)).toBe(20)
  failures.record(0, { kind: 'failed', steady: true, lifetimeMs: 900 })
  failures.record(0, { kind: 'busy', steady: false, lifetimeMs: 300 })
  expect(failures.trialMs(0)).toBe(20)
  expect(failures.trialMs(1)).toBe(0)
  failures.record(0, { kind: 'silent', steady: true, lifetimeMs: 9_000 })
  expect(failures.trialMs(0)).toBe(1_000)
})
