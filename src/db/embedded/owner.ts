import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { TidingsError } from '../../errors.ts'
import { writeFileAtomically } from './files.ts'
import { readProcessIdentity } from './process.ts'

const claimSchema = z.object({
  pid: z.int().positive(),
  identity: z.string().min(1),
  state: z.enum(['claiming', 'owner']),
  since: z.string(),
})
type Claim = Readonly<z.infer<typeof claimSchema>>

const claimName = /^owner-.+\.json$/
/** A claim that is still being written, or was when its process or the machine stopped. */
const unfinishedName = /^owner-(\d+)-[^.]+\.json\.part$/
const longestContentionMs = 5_000

/**
 * Makes this process the exclusive owner of `directory`, until the result is disposed or the
 * process exits.
 *
 * Every process writes a file of its own with a unique name, and owns the directory when no other
 * living process has one. A single lock file would have to be removed when its owner died, and two
 * processes that remove it concurrently can remove each other's; here only files of dead processes
 * are removed, and their names are never reused.
 *
 * @throws TidingsError `BAD_CONFIGURATION` when another living process owns the directory;
 *   `details.pid` is its process id
 */
export async function claimDirectory(directory: string): Promise<AsyncDisposable> {
  const file = join(directory, `owner-${process.pid}-${randomBytes(4).toString('hex')}.json`)
  const identity = (await readProcessIdentity(process.pid)) ?? 'unknown'
  const write = async (state: Claim['state']) => {
    const claim: Claim = { pid: process.pid, identity, state, since: new Date().toISOString() }
    await writeFileAtomically(file, JSON.stringify(claim))
  }
  const withdraw = () => rm(file, { force: true })
  const deadline = Date.now() + longestContentionMs
  for (;;) {
    await write('claiming')
    const otherClaims = await readLivingClaims(directory, file)
    if (otherClaims.length === 0) {
      await write('owner')
      return { [Symbol.asyncDispose]: withdraw }
    }
    await withdraw()
    const owner = otherClaims.find((claim) => claim.state === 'owner')
    if (owner !== undefined || Date.now() >= deadline) throw refusal(directory, owner ?? otherClaims[0])
    // Several processes started at the same moment and saw each other: all back off, and one is
    // first on the next try.
    await delay(10 + Math.random() * 90)
  }
}

async function readLivingClaims(directory: string, own: string): Promise<readonly Claim[]> {
  const living: Claim[] = []
  for (const name of await readdir(directory)) {
    const file = join(directory, name)
    const unfinishedPid = unfinishedName.exec(name)?.[1]
    if (unfinishedPid !== undefined && (await readProcessIdentity(Number(unfinishedPid))) === undefined)
      await rm(file, { force: true })
    if (!claimName.test(name) || file === own) continue
    const text = await readFile(file, 'utf8').catch(ignoreMissing)
    if (text === undefined) continue
    const claim = parseClaim(text)
    const identity = claim === undefined ? undefined : await readProcessIdentity(claim.pid)
    if (claim === undefined || identity === undefined) {
      await rm(file, { force: true })
      continue
    }
    // A process id may be reused by another process; its start time is not.
    const isSame = identity === claim.identity || identity === 'unknown' || claim.identity === 'unknown'
    if (isSame) living.push(claim)
    else await rm(file, { force: true })
  }
  return living
}

/**
 * Parses a claim. Claims are written atomically, so no living process has an incomplete one: it was
 * left by a power loss, from an earlier version that did not sync claims to disk.
 *
 * @returns undefined for an incomplete claim
 */
function parseClaim(text: string): Claim | undefined {
  try {
    return claimSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function refusal(directory: string, owner: Claim | undefined): TidingsError {
  return new TidingsError(
    'BAD_CONFIGURATION',
    `The data directory ${directory} is in use by process ${owner?.pid} since ${owner?.since}; stop that process, set DATA_DIR to another directory, or set DATABASE_URL so that both share one database`,
    { directory, pid: owner?.pid },
  )
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}
