import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

test.for(['nginx', 'haproxy'])(
  'eight servers restart one after the other behind %s, and every subscriber receives everything once',
  {
    timeout: 1_800_000,
  },
  async (proxy) => {
    const load = ['--seed', '1', '--rate', '0.3', '--servers', '8', '--workers', '4', '--proxy', proxy]
    const fault = ['--fault', 'servers SIGTERM, one after the other']
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['bin/run.js', 'test/faults/run.ts', ...load, ...fault],
      { cwd: root },
    ).catch((error: unknown) => {
      throw new Error(`The rig failed:\n${(error as { stdout?: string }).stdout}`, { cause: error })
    })
    console.info(stdout.trim().split('\n').at(-1))
    expect(stdout).toMatch(/^1 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
  },
)
