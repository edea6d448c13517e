import type { Document, DocumentSection } from '../../src/studio/documents/document.ts'
import type { Notification } from '../../src/studio/notifications/notification.ts'
import type { Project } from '../../src/studio/projects/project.ts'
import type { Question, Quiz } from '../../src/studio/quizzes/quiz.ts'
import type { Concept, Roadmap } from '../../src/studio/roadmaps/roadmaps.ts'
import type { Session } from '../../src/studio/sessions/session.ts'
import type { SessionState } from '../../src/studio/sessions/sessions.ts'
import { builder } from './builder.ts'

/** Types that refer to each other across files; each is implemented in the file of its subject. */
export const documentRef = builder.objectRef<Document>('Document')
export const sectionRef = builder.objectRef<DocumentSection>('Section')
export const roadmapRef = builder.objectRef<Roadmap>('Roadmap')
export const conceptRef = builder.objectRef<Concept>('Concept')
export const notificationRef = builder.objectRef<Notification>('Notification')
export const projectRef = builder.objectRef<Project>('Project')
export const quizRef = builder.objectRef<Quiz>('Quiz')
export const questionRef = builder.objectRef<Question>('Question')
export const sessionRef = builder.objectRef<SessionSource>('Session')

/** The source of `Session`: its row, and its parts if they were read with it. */
export interface SessionSource {
  readonly session: Session
  readonly state?: SessionState
}

/** `ContentPiece` */
export const contentPiece = builder.enumType('ContentPiece', {
  description: 'The pieces of content of a concept.',
  values: {
    TUTORIAL: { description: 'A short lesson.' },
    RESOURCES: { description: 'Links and references.' },
    QUIZ: { description: 'Questions with their answers.' },
  } as const,
})

declare module '../index.ts' {
  interface NodeSources {
    readonly document: Document
    readonly roadmap: Roadmap
    readonly concept: Concept
    readonly notification: Notification
    readonly project: Project
    readonly quiz: Quiz
    readonly question: Question
    readonly session: SessionSource
  }
}
