import type { Engine } from '../tasks/engine.ts'
import { type Analytics, createAnalytics } from './analytics/analytics.ts'
import { createDocuments, type Documents } from './documents/documents.ts'
import { createQuizzes, type Quizzes } from './quizzes/quizzes.ts'
import { createRoadmaps, type Roadmaps } from './roadmaps/roadmaps.ts'

/** The applications' stores. */
export interface Applications {
  readonly analytics: Analytics
  readonly documents: Documents
  readonly quizzes: Quizzes
  readonly roadmaps: Roadmaps
}

/** Opens the applications' stores on a running engine. */
export function createApplications({ database, appender, store, tasks, visibility }: Engine): Applications {
  return {
    analytics: createAnalytics({ database }),
    documents: createDocuments({ database, store, tasks, accessChanged: (id) => visibility.changed(id) }),
    quizzes: createQuizzes({ database, publish: (events) => appender.publish(events) }),
    roadmaps: createRoadmaps({ database }),
  }
}
