import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Runs `npm run faults` with arguments, in a process of its own.
 *
 * @returns what it printed
 * @throws Error with that text when a rule was violated, or a fault could not be caused
 */
export async function runRig(...args: readonly string[]): Promise<string> {
  const options = { cwd: root, maxBuffer: 2 ** 24 }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['bin/run.js', 'test/faults/run.ts', ...args],
    options,
  ).catch((error: unknown) => {
    throw new Error(`The rig failed:\n${(error as { stdout?: string }).stdout}`, { cause: error })
  })
  return stdout
}
