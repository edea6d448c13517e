import { createId } from './environment.ts'
import type { OfflineStorage } from './storage.ts'

/** A mutation as it is kept. */
export interface StoredMutation {
  readonly id: string
  /** Who made it; null for nobody. */
  readonly user: string | null
  /** The document as text. */
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly createdAt: number
  readonly attempts: number
  readonly reason: string
}

/** The mutations of this client in a storage that it shares with other tabs. */
export interface OutboxStorage {
  /**
   * Takes over what clients left that are gone, as far as it is of one user; what others made waits for them.
   * @param askUser - called only when there is something
   */
  claim(askUser: () => Promise<string | null>): Promise<readonly StoredMutation[]>
  /** Replaces what is kept for this client. */
  save(mutations: readonly StoredMutation[]): Promise<void>
  /** Lets others take over what is kept. */
  release(): void
}

/** Whose a kept mutation is. */
interface Owned extends StoredMutation {
  readonly owner: string
}

/** What is used of the Web Locks API: a lock is held as long as its tab lives, which is how the others know. */
interface Locks {
  request(name: string, hold: () => Promise<void>): Promise<unknown>
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>
}

/**
 * Keeps mutations in `storage` under one key. Where there are Web Locks, those of another tab that is still open are left
 * to it; elsewhere whoever comes takes them all, and idempotency keys keep them from being carried out twice.
 */
export function createOutboxStorage(storage: OfflineStorage, url: string): OutboxStorage {
  const key = `tidings:outbox:${url}`
  const owner = createId()
  const lockOf = (name: string): string => `${key}:${name}`
  const locks = (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks
  let release: (() => void) | undefined
  // One after the other: each reads the list, changes it and writes it.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const turn = last.then(step, step)
    last = turn.catch(() => undefined)
    return turn
  }

  const read = async (): Promise<readonly Owned[]> => parse(await storage.getItem(key))
  const write = async (all: readonly Owned[]): Promise<void> => {
    if (all.length === 0) await storage.removeItem(key)
    else await storage.setItem(key, JSON.stringify(all))
  }
  /** Only as long as something is kept: a page that holds a lock may be kept out of the back/forward cache. */
  const holdWhile = async (isKept: boolean): Promise<void> => {
    if (!isKept) {
      release?.()
      release = undefined
    } else if (release === undefined && locks !== undefined) {
      const released = new Promise<void>((resolve) => {
        release = resolve
      })
      await new Promise<void>((resolve) => {
        const hold = (): Promise<void> => {
          resolve()
          return released
        }
        // Without the lock another tab may send the same mutations, with the same keys.
        locks.request(lockOf(owner), hold).catch(() => resolve())
      })
    }
  }

  return {
    claim: (askUser) =>
      inTurn(async () => {
        const held = new Set((await locks?.query())?.held?.map(({ name }) => name))
        const all = await read()
        const left = all.filter((one) => one.owner !== owner && !held.has(lockOf(one.owner)))
        if (left.length === 0) return []
        const user = await askUser()
        const claimed = left.filter((one) => one.user === user)
        if (claimed.length === 0) return []
        await holdWhile(true)
        await write(all.map((one) => (claimed.includes(one) ? { ...one, owner } : one)))
        return claimed
      }),
    save: (mutations) =>
      inTurn(async () => {
        if (mutations.length > 0) await holdWhile(true)
        const others = (await read()).filter((one) => one.owner !== owner)
        await write([...others, ...mutations.map((one) => ({ ...one, owner }))])
        await holdWhile(mutations.length > 0)
      }),
    release: () => release?.(),
  }
}

/** What was written by another version, or by someone else, is left out. */
function parse(text: string | null): readonly Owned[] {
  if (text === null) return []
  try {
    const all: unknown = JSON.parse(text)
    return Array.isArray(all) ? all.filter(isOwned) : []
  } catch {
    // Not ours; the next write replaces it.
    return []
  }
}

function isOwned(value: unknown): value is Owned {
  if (typeof value !== 'object' || value === null) return false
  const one = value as Partial<Record<keyof Owned, unknown>>
  const isOfSomebody = one.user === null || typeof one.user === 'string'
  return isOfSomebody && typeof one.id === 'string' && typeof one.query === 'string' && typeof one.owner === 'string'
}
