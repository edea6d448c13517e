import type { Document, DocumentSection } from '../../src/studio/documents/document.ts'
import type { Notification } from '../../src/studio/notifications/notification.ts'
import type { Project } from '../../src/studio/projects/project.ts'
import type { Question, Quiz } from '../../src/studio/quizzes/quiz.ts'
import type { Concept, Roadmap } from '../../src/studio/roadmaps/roadmaps.ts'
import type { Session } from '../../src/studio/sessions/session.ts'
import type { SessionState } from '../../src/studio/sessions/sessions.ts'
import type { Task, TaskItem } from '../../src/tasks/model/task.ts'
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
export const taskRef = builder.objectRef<TaskSource>('Task')

/** The source of `Session`: its row, and its parts if they were read with it. */
export interface SessionSource {
  readonly session: Session
  readonly state?: SessionState
}

/** The source of `Task`: its row, and its parts if they were read with it. */
export interface TaskSource {
  readonly task: Task
  readonly items?: readonly TaskItem[]
  /** False when the input was not read because the task was deleted. */
  readonly hasInput?: boolean
}

/** Converts a task to the source of `Task`. */
export function taskSource(task: Task | null): TaskSource | null {
  return task === null ? null : { task }
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
