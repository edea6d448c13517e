import { createId } from '../base/environment.ts'
import type { OfflineStorage } from './storage-adapter.ts'

/** A mutation in its stored form. */
export interface StoredMutation {
  readonly id: string
  /** The user that made the mutation; null when it was made without one. */
  readonly user: string | null
  /** The document as text. */
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  /** In milliseconds since 1970. */
  readonly createdAt: number
  /** Its position among the mutations of its page that were made in the same millisecond. */
  readonly order: number
  readonly attempts: number
  readonly reason: string
  /** Its outbox lane: see `Outgoing.line`. */
  readonly line?: string | undefined
  readonly isRepeatable: boolean
}

/** The mutations of this client, in a storage shared with other tabs. */
export interface OutboxStorage {
  /**
   * Takes over the mutations of clients that no longer run, in the order in which they were made,
   * restricted to one user. Mutations of other users remain stored.
   * @param askUser - called only when there are mutations to claim
   */
  claim(askUser: () => Promise<string | null>): Promise<readonly StoredMutation[]>
  /** Replaces the stored mutations of this client. Resolves when they are stored. */
  save(mutations: readonly StoredMutation[]): Promise<void>
  /**
   * Lets other clients take over the stored mutations as soon as the last `save` is done. No lock
   * is held afterwards.
   */
  release(): Promise<void>
}

/** A stored mutation with the client that owns it. */
interface OwnedMutation extends StoredMutation {
  readonly owner: string
}

/**
 * The used part of the Web Locks API. A lock is released when its tab closes, which is how other
 * tabs detect that.
 */
interface Locks {
  request<T>(name: string, hold: () => Promise<T>): Promise<T>
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>
}

/**
 * Stores each mutation under a key of its own, so that two tabs never write the same entry and
 * cannot overwrite each other's mutations.
 *
 * Where Web Locks are available, a client holds a lock as long as it has stored mutations, and
 * other clients do not take them over. Without Web Locks, a new client takes over all mutations,
 * also those of tabs that are still open: idempotency keys prevent a second execution, and
 * mutations without a key are not stored.
 */
export function createOutboxStorage(storage: OfflineStorage, url: string): OutboxStorage {
  const prefix = `tidings:outbox:${url}:`
  const owner = createId()
  const locks = (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks
  /** The entries of this client, by mutation id. */
  const writtenTexts = new Map<string, string>()
  /**
   * Mutations that were claimed but are not part of a `save` yet. A `save` that has already started
   * must not remove them.
   */
  const claimedKeys = new Set<string>()
  let unlock: (() => void) | undefined
  let isReleased = false
  let newest: readonly StoredMutation[] = []
  /** A `save` that has not started yet: it will store the newest list. */
  let saving: Promise<void> | undefined
  // Steps run serially, so that an older list never replaces a newer one.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const turn = last.then(step, step)
    last = turn.catch(() => undefined)
    return turn
  }

  const write = async (mutation: StoredMutation): Promise<void> => {
    const entry: OwnedMutation = { ...mutation, owner }
    const text = JSON.stringify(entry)
    if (writtenTexts.get(mutation.id) === text) return
    await storage.setItem(`${prefix}${mutation.id}`, text)
    writtenTexts.set(mutation.id, text)
  }
  /** Finds the mutations of clients that no longer run. */
  const findLeft = async (): Promise<readonly OwnedMutation[]> => {
    const lockNames = new Set((await locks?.query())?.held?.map(({ name }) => name))
    const keys = (await storage.keys()).filter((key) => key.startsWith(prefix))
    const all = await Promise.all(keys.map(async (key) => parse(await storage.getItem(key))))
    return all
      .filter((entry) => entry !== null)
      .filter((entry) => entry.owner !== owner && !lockNames.has(`${prefix}${entry.owner}`))
  }
  /**
   * Holds the lock only while mutations are stored: it may keep a page out of the back/forward
   * cache.
   */
  const lock = async (): Promise<void> => {
    if (unlock !== undefined || locks === undefined || isReleased) return
    const release = new Promise<void>((resolve) => {
      unlock = resolve
    })
    await new Promise<void>((resolve) => {
      const hold = (): Promise<void> => {
        resolve()
        return release
      }
      // Without the lock, another tab may send the same mutations, with the same keys.
      locks.request(`${prefix}${owner}`, hold).catch(() => resolve())
    })
  }
  const unlockWhenEmpty = (): void => {
    if (writtenTexts.size > 0) return
    unlock?.()
    unlock = undefined
  }
  const replace = async (mutations: readonly StoredMutation[]): Promise<void> => {
    const ids = new Set(mutations.map(({ id }) => id))
    if (ids.size > 0) await lock()
    let failure: unknown
    for (const mutation of mutations) {
      claimedKeys.delete(mutation.id)
      // A mutation that is too large for the storage must not prevent the others from being stored.
      await write(mutation).catch((error: unknown) => {
        failure = error
      })
    }
    for (const id of [...writtenTexts.keys()].filter(
      (mutationId) => !ids.has(mutationId) && !claimedKeys.has(mutationId),
    )) {
      await storage.removeItem(`${prefix}${id}`)
      writtenTexts.delete(id)
    }
    unlockWhenEmpty()
    if (failure !== undefined) throw failure
  }
  /** Prevents two clients from claiming the same mutations. */
  const exclusively = <T>(step: () => Promise<T>): Promise<T> => locks?.request(`${prefix}claim`, step) ?? step()

  return {
    async claim(askUser) {
      if ((await findLeft()).length === 0) return []
      // Called before taking the lock: an application may take long to find a token, and other tabs
      // must not wait for it.
      const user = await askUser()
      return inTurn(() =>
        exclusively(async () => {
          const orphans = (await findLeft()).filter((entry) => entry.user === user)
          if (orphans.length === 0) return []
          await lock()
          for (const { owner: _, ...mutation } of orphans) {
            claimedKeys.add(mutation.id)
            await write(mutation)
          }
          return orphans.toSorted((a, b) => a.createdAt - b.createdAt || a.order - b.order)
        }),
      )
    },
    save(mutations) {
      newest = mutations.filter(({ isRepeatable }) => isRepeatable || locks !== undefined)
      saving ??= inTurn(() => {
        saving = undefined
        return replace(newest)
      })
      return saving
    },
    release: () =>
      inTurn(async () => {
        isReleased = true
        unlock?.()
      }),
  }
}

/** Parses an entry. Returns null for entries written by another version or another program. */
function parse(text: string | null): OwnedMutation | null {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return isOwned(value) ? value : null
  } catch {
    // Not JSON, so not written by a client.
    return null
  }
}

function isOwned(value: unknown): value is OwnedMutation {
  if (typeof value !== 'object' || value === null) return false
  const { id, user, query, owner, createdAt, order } = value as Partial<Record<keyof OwnedMutation, unknown>>
  return (
    [id, query, owner].every((field) => typeof field === 'string') &&
    [createdAt, order].every((field) => typeof field === 'number') &&
    (user === null || typeof user === 'string')
  )
}
