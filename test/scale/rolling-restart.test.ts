import { expect, test } from 'vitest'
import { runRig } from '../support/rig.ts'

test.for(['nginx', 'haproxy'])(
  'eight servers restart one after the other behind %s, and every subscriber receives everything once',
  { timeout: 1_800_000 },
  async (proxy) => {
    const load = ['--seed', '1', '--rate', '0.3', '--servers', '8', '--workers', '4', '--proxy', proxy]
    const output = await runRig(...load, '--fault', 'servers SIGTERM, one after the other')
    console.info(output.trim().split('\n').at(-1))
    expect(output).toMatch(/^1 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
  },
)
