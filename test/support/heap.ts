import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Collects the garbage of the young generation, or of the whole heap; Node exposes it only behind a flag. */
export function collectGarbage(type: 'minor' | 'major' = 'major'): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: string }) => void
  collect({ type })
}

/** Returns the bytes in use after several collections, between which pending work is done. */
export async function heapUsed(type?: 'minor' | 'major'): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage(type)
    await new Promise(setImmediate)
  }
  return process.memoryUsage().heapUsed
}
