import { expect, test } from 'vitest'
import { runRig } from '../support/rig.ts'

test('the most telling faults, one after the other, violate no rule', { timeout: 1_200_000 }, async () => {
  const output = await runRig('--short', '--seed', '18', '--rate', '0.3', '--fan-out', '6')
  expect(output).toMatch(/^1 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
})
