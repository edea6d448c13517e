import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A separate directory for one test. Disposing removes it with its content. */
export interface TestDirectory extends AsyncDisposable {
  readonly path: string
  /** Returns the path of a file in it. */
  join(...parts: readonly string[]): string
}

const sharedMemory = '/dev/shm'
/** Containers often have no more than 64 MB there. */
const neededBytes = 2 * 1_024 ** 3

/**
 * Creates an empty directory that every user of the system can enter, as root's PostgreSQL runs as
 * another user: in a directory that it cannot enter, its data would be placed elsewhere, and remain. In memory where
 * there is room: a database has some hundred files, and creating one takes a tenth of the processor time there.
 *
 * @param options.isOnDisk - for measurements, and for data that does not fit into memory; default false
 */
export async function createTestDirectory({
  isOnDisk = false,
}: {
  readonly isOnDisk?: boolean
} = {}): Promise<TestDirectory> {
  const parent = !isOnDisk && (await hasSharedMemory()) ? sharedMemory : tmpdir()
  const path = await mkdtemp(join(parent, 'tidings-test-'))
  await chmod(path, 0o755)
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}

async function hasSharedMemory(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(sharedMemory)
    return bavail * bsize > neededBytes
  } catch {
    // Not on this system.
    return false
  }
}
