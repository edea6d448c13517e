import DataLoader from 'dataloader'
import type { ItemPage } from '../../src/tasks/model/store.ts'
import type { Services } from './services.ts'

interface QueuedTask {
  readonly id: string
  readonly kind: string
}
/** The keys of most loaders. */
export type Ids = readonly string[]
/** The batch function of a loader: returns the values in the order of the keys, or the error of a key. */
export type BatchRead = (services: Services, keys: readonly never[]) => Promise<readonly unknown[]>

/** The batch functions of the loaders of tasks. */
const taskReads = {
  task: ({ engine }, ids: Ids) => engine.store.getMany(ids),
  items: ({ engine }, pages: readonly ItemPage[]) => engine.store.items(pages),
  async queuePosition({ engine }, tasks: readonly QueuedTask[]) {
    const queuePositions = await engine.queuePositions.of(tasks)
    return tasks.map(({ id }) => queuePositions.get(id) ?? null)
  },
  activeTask: ({ engine }, subjects: Ids) => engine.store.activeFor(subjects),
} satisfies Readonly<Record<string, BatchRead>>

type LoaderOf<R> = R extends (services: Services, keys: readonly (infer K)[]) => Promise<readonly (infer V)[]>
  ? DataLoader<K, Exclude<V, Error>>
  : never

/** The loaders of batch functions. */
export type LoadersOf<R> = { readonly [N in keyof R]: LoaderOf<R[N]> }

/**
 * Batches the reads of one operation. Values are not cached, because the context of a subscription
 * lives as long as the subscription. Applications add loaders by declaration merging, and their
 * batch functions by {@link registerLoaders}.
 */
export interface Loaders extends LoadersOf<typeof taskReads> {}

const reads = new Map<string, BatchRead>(Object.entries(taskReads))

/**
 * Adds loaders of an application, by name.
 *
 * @example
 * const reads = { article: ({ articles }: Services, ids: Ids) => articles.getMany(ids) }
 * declare module 'tidings/schema' {
 *   interface Loaders extends LoadersOf<typeof reads> {}
 * }
 * registerLoaders(reads)
 */
export function registerLoaders(added: Readonly<Record<string, BatchRead>>): void {
  for (const [name, read] of Object.entries(added)) reads.set(name, read)
}

/**
 * Creates the loaders of one operation, each on its first use, because an operation uses two or
 * three of them.
 */
export function createLoaders(services: Services): Loaders {
  const loaders = new Map<string, DataLoader<never, unknown>>()
  // `Loaders` is derived from the registered functions, so their types agree.
  return new Proxy({} as Loaders, {
    get(_, name: string) {
      const read = reads.get(name)
      if (read === undefined) return undefined
      const loader = loaders.get(name) ?? new DataLoader((keys) => read(services, keys), { cache: false })
      loaders.set(name, loader)
      return loader
    },
  })
}
