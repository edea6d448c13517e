import type { Engine } from '../engine.ts'
import { type Analytics, createAnalytics } from './analytics/analytics.ts'
import { type QuotaLimits, quotaDefaults } from './config.ts'
import { createDocuments, type Documents } from './documents/documents.ts'
import { createNotifications, type Notifications } from './notifications/notifications.ts'
import { createProjects, type Projects } from './projects/projects.ts'
import { createQuizzes, type Quizzes } from './quizzes/quizzes.ts'
import { createQuotas, type Quotas } from './quotas.ts'
import { createRoadmaps, type Roadmaps } from './roadmaps/roadmaps.ts'
import { createSessions, type Sessions } from './sessions/sessions.ts'
import { createUserData, type UserData } from './user-data.ts'
import { createViewerUpdates, type ViewerUpdates } from './viewer/viewer-updates.ts'

/** The applications' stores. */
export interface Applications {
  readonly analytics: Analytics
  readonly documents: Documents
  readonly notifications: Notifications
  readonly projects: Projects
  readonly quizzes: Quizzes
  readonly quotas: Quotas
  readonly roadmaps: Roadmaps
  readonly sessions: Sessions
  readonly viewerUpdates: ViewerUpdates
  readonly userData: UserData
}

/**
 * Opens the applications' stores on a running engine.
 *
 * @param options.notificationDays - see `createNotifications`
 * @param options.quotas - see `createQuotas`
 */
export function createApplications(
  engine: Engine,
  {
    notificationDays,
    quotas = quotaDefaults,
  }: { readonly notificationDays?: number; readonly quotas?: QuotaLimits } = {},
): Applications & { readonly noteDeleted: () => void } {
  const { database, appender, presence, store, tasks, visibility } = engine
  const quizzes = createQuizzes({ database, tasks, appender })
  const accessChanged = (id: string): void => visibility.changed(id)
  const documents = createDocuments({
    database,
    appender,
    store,
    tasks,
    dependents: (documentId) => quizzes.questionIdsOf(documentId),
    accessChanged,
  })
  const projects = createProjects({ database, appender, tasks })
  const roadmaps = createRoadmaps({ database, appender, tasks })
  const sessions = createSessions({ database, appender, presence, tasks, accessChanged })
  const viewerUpdates = createViewerUpdates(engine)
  return {
    analytics: createAnalytics({ database }),
    documents,
    notifications: createNotifications({
      database,
      appender,
      ...(notificationDays === undefined ? {} : { keptDays: notificationDays }),
    }),
    projects,
    quizzes,
    quotas: createQuotas({ database }, quotas),
    roadmaps,
    sessions,
    userData: createUserData(engine, { documents, projects, quizzes, roadmaps, sessions }),
    viewerUpdates,
    // The lists of the viewer change when a task is deleted.
    noteDeleted: () => viewerUpdates.flushSoon(),
  }
}
