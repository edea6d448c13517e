import DataLoader from 'dataloader'
import type { DocumentOfOwner } from '../../src/studio/quizzes/quizzes.ts'
import type { Session } from '../../src/studio/sessions/session.ts'
import type { Services } from './services.ts'

interface QueuedTask {
  readonly id: string
  readonly kind: string
}
interface SectionPlace {
  readonly documentId: string
  readonly sectionKey: string
}
type Ids = readonly string[]
type Read = (services: Services, keys: readonly never[]) => Promise<readonly unknown[]>

/** The batch functions of all loaders: the values in the order of the keys. */
const reads = {
  task: ({ engine }, ids: Ids) => engine.store.getMany(ids),
  items: ({ engine }, ids: Ids) => engine.store.items(ids),
  async place({ engine }, tasks: readonly QueuedTask[]) {
    const queuePositions = await engine.queuePositions.of(tasks)
    return tasks.map(({ id }) => queuePositions.get(id) ?? null)
  },
  activeTask: ({ engine }, subjects: Ids) => engine.store.activeFor(subjects),
  document: ({ documents }, ids: Ids) => documents.getMany(ids),
  conversion: ({ documents }, ids: Ids) => documents.conversionIds(ids),
  sections: ({ documents }, ids: Ids) => readEachOnce(ids, documents.sections),
  section: ({ documents }, places: readonly SectionPlace[]) => documents.sectionsByKey(places),
  readers: ({ documents }, ids: Ids) => documents.readers(ids),
  roadmap: ({ roadmaps }, ids: Ids) => roadmaps.getMany(ids),
  concept: ({ roadmaps }, ids: Ids) => roadmaps.concepts(ids),
  conceptsOf: ({ roadmaps }, ids: Ids) => roadmaps.conceptsOf(ids),
  contentsOf: ({ roadmaps }, ids: Ids) => roadmaps.contentsOf(ids),
  project: ({ projects }, ids: Ids) => projects.getMany(ids),
  projectFiles: ({ projects }, ids: Ids) => projects.filesOf(ids),
  lastSync: ({ projects }, ids: Ids) => projects.lastSyncs(ids),
  preview: ({ projects }, ids: Ids) => projects.previews.getMany(ids),
  quiz: ({ quizzes }, ids: Ids) => quizzes.getMany(ids),
  quizzesOf: ({ quizzes }, documents: readonly DocumentOfOwner[]) => quizzes.listOfDocuments(documents),
  question: ({ quizzes }, ids: Ids) => quizzes.questions(ids),
  questionsOf: ({ quizzes }, ids: Ids) => quizzes.questionsOf(ids),
  publishedQuestions: ({ quizzes }, ids: Ids) => readEachOnce(ids, quizzes.publishedQuestions),
  questionVersions: ({ quizzes }, ids: Ids) => quizzes.versionsOf(ids),
  session: ({ sessions }, ids: Ids) => sessions.getMany(ids),
  participantsOf: ({ sessions }, keys: readonly Session[]) => sessions.participantsOf(keys),
  cardsOf: ({ sessions }, ids: Ids) => sessions.cardsOf(ids),
} satisfies Readonly<Record<string, Read>>

/** Reads values individually, each distinct key once: all attempts at a quiz request its questions. */
async function readEachOnce<V>(ids: Ids, read: (id: string) => Promise<V>): Promise<readonly V[]> {
  const unique = [...new Set(ids)]
  const values = await Promise.all(unique.map((id) => read(id)))
  return ids.map((id) => values[unique.indexOf(id)] as V)
}

type LoaderOf<R> = R extends (services: Services, keys: readonly (infer K)[]) => Promise<readonly (infer V)[]>
  ? DataLoader<K, V>
  : never

/**
 * Batches the reads of one operation. Values are not cached, because the context of a subscription
 * lives as long as the subscription.
 */
export type Loaders = { readonly [N in keyof typeof reads]: LoaderOf<(typeof reads)[N]> }

/**
 * Creates the loaders of one operation, each on its first use, because an operation uses two or
 * three of them.
 */
export function createLoaders(services: Services): Loaders {
  const byName: Readonly<Record<string, Read>> = reads
  const loaders = new Map<string, DataLoader<never, unknown>>()
  // `Loaders` is derived from `reads`, so their types agree.
  return new Proxy({} as Loaders, {
    get(_, name: string) {
      const read = byName[name]
      if (read === undefined) return undefined
      const loader = loaders.get(name) ?? new DataLoader((keys) => read(services, keys), { cache: false })
      loaders.set(name, loader)
      return loader
    },
  })
}
