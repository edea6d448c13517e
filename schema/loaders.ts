import DataLoader from 'dataloader'
import type { Document, DocumentSection } from '../src/studio/documents/documents.ts'
import type { DocumentReader } from '../src/studio/documents/sharing.ts'
import type { Preview } from '../src/studio/projects/preview.ts'
import type { Project, ProjectFile } from '../src/studio/projects/project.ts'
import type { Question, QuestionVersion, Quiz } from '../src/studio/quizzes/quiz.ts'
import type { Concept, Content, Roadmap } from '../src/studio/roadmaps/roadmaps.ts'
import type { Card, Participant, Session } from '../src/studio/sessions/session.ts'
import type { QueuePlace } from '../src/tasks/place.ts'
import type { Task, TaskItem } from '../src/tasks/task.ts'
import type { Services } from './context.ts'

/** Batches what one operation asks for. They keep nothing, as the context of a subscription lives as long as it does. */
export interface Loaders {
  readonly task: DataLoader<string, Task | null>
  readonly items: DataLoader<string, readonly TaskItem[]>
  readonly place: DataLoader<{ readonly id: string; readonly kind: string }, QueuePlace | null, string>
  readonly activeTask: DataLoader<string, Task | null>
  readonly document: DataLoader<string, Document | null>
  readonly conversion: DataLoader<string, string | null>
  readonly sections: DataLoader<string, readonly DocumentSection[]>
  readonly section: DataLoader<SectionPlace, DocumentSection | null, string>
  readonly readers: DataLoader<string, readonly DocumentReader[]>
  readonly roadmap: DataLoader<string, Roadmap | null>
  readonly concept: DataLoader<string, Concept | null>
  readonly conceptsOf: DataLoader<string, readonly Concept[]>
  readonly contentsOf: DataLoader<string, readonly Content[]>
  readonly project: DataLoader<string, Project | null>
  readonly projectFiles: DataLoader<string, readonly ProjectFile[]>
  readonly lastSync: DataLoader<string, string | null>
  readonly preview: DataLoader<string, Preview | null>
  readonly quiz: DataLoader<string, Quiz | null>
  readonly question: DataLoader<string, Question | null>
  readonly questionsOf: DataLoader<string, readonly Question[]>
  readonly questionVersions: DataLoader<string, readonly QuestionVersion[]>
  readonly session: DataLoader<string, Session | null>
  readonly participantsOf: DataLoader<Session, readonly Participant[]>
  readonly cardsOf: DataLoader<string, readonly Card[]>
}

interface SectionPlace {
  readonly documentId: string
  readonly sectionKey: string
}

const keepNothing = { cache: false } as const

/** Creates the loaders of one operation. */
export function createLoaders({ engine, documents, projects, quizzes, roadmaps, sessions }: Services): Loaders {
  return {
    task: new DataLoader((ids) => engine.store.getMany(ids), keepNothing),
    items: new DataLoader((ids) => engine.store.items(ids), keepNothing),
    place: new DataLoader(async (tasks) => {
      const places = await engine.places.of(tasks)
      return tasks.map(({ id }) => places.get(id) ?? null)
    }, keepNothing),
    activeTask: new DataLoader((subjects) => engine.store.activeFor(subjects), keepNothing),
    conversion: new DataLoader((ids) => documents.conversionIds(ids), keepNothing),
    document: new DataLoader((ids) => documents.getMany(ids), keepNothing),
    sections: new DataLoader((ids) => Promise.all(ids.map((id) => documents.sections(id))), keepNothing),
    section: new DataLoader((places) => documents.sectionsByKey(places), keepNothing),
    readers: new DataLoader((ids) => documents.readers(ids), keepNothing),
    roadmap: new DataLoader((ids) => roadmaps.getMany(ids), keepNothing),
    concept: new DataLoader((ids) => roadmaps.concepts(ids), keepNothing),
    conceptsOf: new DataLoader((ids) => roadmaps.conceptsOf(ids), keepNothing),
    contentsOf: new DataLoader((ids) => roadmaps.contentsOf(ids), keepNothing),
    project: new DataLoader((ids) => projects.getMany(ids), keepNothing),
    projectFiles: new DataLoader((ids) => projects.filesOf(ids), keepNothing),
    lastSync: new DataLoader((ids) => projects.lastSyncs(ids), keepNothing),
    preview: new DataLoader((ids) => projects.previews.getMany(ids), keepNothing),
    quiz: new DataLoader((ids) => quizzes.getMany(ids), keepNothing),
    question: new DataLoader((ids) => quizzes.questions(ids), keepNothing),
    questionsOf: new DataLoader((ids) => quizzes.questionsOf(ids), keepNothing),
    questionVersions: new DataLoader((ids) => quizzes.versionsOf(ids), keepNothing),
    session: new DataLoader((ids) => sessions.getMany(ids), keepNothing),
    participantsOf: new DataLoader((those) => sessions.participantsOf(those), keepNothing),
    cardsOf: new DataLoader((ids) => sessions.cardsOf(ids), keepNothing),
  }
}
