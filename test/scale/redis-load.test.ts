import { expect, test } from 'vitest'
import { runRig } from '../support/rig.ts'

test.for([
  ['cluster', 8],
  ['sentinel', 7],
] as const)(
  'every subscriber receives everything once through all faults of a %s',
  { timeout: 3_600_000 },
  async ([layout, count]) => {
    const load = [
      '--redis',
      layout,
      '--group',
      'redis',
      '--seed',
      '1',
      '--rate',
      '0.6',
      '--fan-out',
      '40',
      '--subscribers',
      '200',
    ]
    const output = await runRig(...load)
    console.info(output)
    expect(output).toMatch(
      new RegExp(`^${count} runs, [1-9]\\d+ deliveries checked, 0 violations, 0 faults not caused$`, 'm'),
    )
  },
)
