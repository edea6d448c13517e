import { expect, test } from 'vitest'
import { runRig } from '../support/rig.ts'

test('a failover to a standby that is 1 to 10 s behind resets every subscriber, and loses nothing that follows', {
  timeout: 3_600_000,
}, async () => {
  const load = ['--seed', '1', '--rate', '1', '--fan-out', '24', '--subscribers', '200']
  const output = await runRig('--database', 'pair', '--runs', '3', ...load)
  console.info(output)
  expect(output).toMatch(/^3 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
})
