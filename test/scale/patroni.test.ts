import { expect, test } from 'vitest'
import { runRig } from '../support/rig.ts'

test.for(['patroni', 'patroni-haproxy'])(
  'with the database %s, every failover loses and changes nothing, and no task, caller or process fails',
  { timeout: 3_600_000 },
  async (database) => {
    const load = ['--seed', '1', '--rate', '0.6', '--fan-out', '24', '--subscribers', '200']
    const output = await runRig('--database', database, ...load)
    console.info(output)
    expect(output).toMatch(/^5 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
  },
)
