import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of one test's own. Disposing removes it with all that is in it. */
export interface TestDirectory extends AsyncDisposable {
  readonly path: string
  /** The path of something in it. */
  join(...parts: readonly string[]): string
}

/** Makes an empty directory that every user of the system can enter, as root's PostgreSQL is another user. */
export async function createTestDirectory(): Promise<TestDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'tidings-test-'))
  await chmod(path, 0o755)
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}
