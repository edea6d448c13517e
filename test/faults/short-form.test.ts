import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

test('the most telling faults, one after the other, violate no rule', { timeout: 1_200_000 }, async () => {
  const args = ['bin/run.js', 'test/faults/run.ts', '--short', '--seed', '18', '--rate', '0.3', '--fan-out', '6']
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    throw new Error(`The rig failed:\n${(error as { stdout?: string }).stdout}`, { cause: error })
  })
  expect(stdout).toMatch(/^1 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
})
