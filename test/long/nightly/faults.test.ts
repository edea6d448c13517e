import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

// SEED repeats a failed run; MINUTES sets its length.
test('faults, alone and combined, violate no rule', { timeout: 7_200_000 }, async () => {
  const seed = process.env['SEED'] ?? String(Date.now() % 1_000_000)
  const minutes = process.env['MINUTES'] ?? '45'
  const args = ['bin/run.js', 'test/faults/run.ts', '--seed', seed, '--minutes', minutes]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    throw new Error(`The rig failed:\n${(error as { stdout?: string }).stdout}`, { cause: error })
  })
  expect(stdout).toContain(', 0 violations')
})
