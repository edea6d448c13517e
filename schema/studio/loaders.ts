import type { DocumentOfOwner } from '../../src/studio/quizzes/quizzes.ts'
import type { Session } from '../../src/studio/sessions/session.ts'
import { type BatchRead, type Ids, type LoadersOf, registerLoaders } from '../index.ts'

interface SectionPlace {
  readonly documentId: string
  readonly sectionKey: string
}

/** The batch functions of the applications' loaders. */
const reads = {
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
} satisfies Readonly<Record<string, BatchRead>>

/** Reads values individually, each distinct key once: all attempts at a quiz request its questions. */
async function readEachOnce<V>(ids: Ids, read: (id: string) => Promise<V>): Promise<readonly V[]> {
  const unique = [...new Set(ids)]
  const values = await Promise.all(unique.map((id) => read(id)))
  return ids.map((id) => values[unique.indexOf(id)] as V)
}

declare module '../index.ts' {
  interface Loaders extends LoadersOf<typeof reads> {}
}
registerLoaders(reads)
