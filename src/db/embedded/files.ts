import { chown, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Account } from './binaries.ts'

/**
 * Writes a small file so that after a crash or a power loss it has its old content or the new one,
 * never a part: a temporary file is written, synced to disk and renamed.
 *
 * @param options.mode - permissions; default 0o644
 * @param options.account - the owner of the file; defaults to the user of this process
 */
export async function writeFileAtomically(
  path: string,
  content: string,
  options: { readonly mode?: number; readonly account?: Account | undefined } = {},
): Promise<void> {
  const { mode = 0o644, account } = options
  const part = `${path}.part`
  try {
    await using file = await open(part, 'w', mode)
    await file.writeFile(content)
    await file.sync()
    if (account !== undefined) await chown(part, account.uid, account.gid)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  // Windows cannot open a directory; NTFS logs the rename itself.
  if (process.platform === 'win32') return
  await using directory = await open(dirname(path), 'r')
  await directory.sync()
}
