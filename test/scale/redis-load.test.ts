import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

test.for([
  ['cluster', 8],
  ['sentinel', 7],
] as const)(
  'every subscriber receives everything once through all faults of a %s',
  { timeout: 3_600_000 },
  async ([layout, count]) => {
    const load = ['--redis', layout, '--group', 'redis', '--seed', '1', '--rate', '2', '--fan-out', '20']
    const { stdout } = await promisify(execFile)(process.execPath, ['bin/run.js', 'test/faults/run.ts', ...load], {
      cwd: root,
      maxBuffer: 1e8,
    }).catch((error: unknown) => {
      throw new Error(`The rig failed:\n${(error as { stdout?: string }).stdout}`, { cause: error })
    })
    console.info(stdout)
    expect(stdout).toMatch(
      new RegExp(`^${count} runs, [1-9]\\d+ deliveries checked, 0 violations, 0 faults not caused$`, 'm'),
    )
  },
)
