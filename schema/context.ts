import type { AuditAbout, AuditEvent } from '../src/admin/fact.ts'
import type { Analytics } from '../src/studio/analytics/analytics.ts'
import type { Documents } from '../src/studio/documents/documents.ts'
import type { Notifications } from '../src/studio/notifications/notifications.ts'
import type { Projects } from '../src/studio/projects/projects.ts'
import type { Quizzes } from '../src/studio/quizzes/quizzes.ts'
import type { Roadmaps } from '../src/studio/roadmaps/roadmaps.ts'
import type { Sessions } from '../src/studio/sessions/sessions.ts'
import type { UserData } from '../src/studio/user-data.ts'
import type { ViewerUpdates } from '../src/studio/viewer/viewer-updates.ts'
import type { Engine } from '../src/tasks/engine.ts'
import type { Viewer } from '../src/tasks/viewer.ts'
import type { Loaders } from './loaders.ts'

/** What the API is served from: one for the process. */
export interface Services {
  readonly engine: Engine
  readonly analytics: Analytics
  readonly documents: Documents
  readonly notifications: Notifications
  readonly projects: Projects
  readonly quizzes: Quizzes
  readonly roadmaps: Roadmaps
  /** Called with the code of a failure that a mutation tells as its result. */
  readonly noteFailure?: ((code: string) => void) | undefined
  /** Called with the `type` of a task's result that no member of the union `TaskResult` presents; the API returns null for it. */
  readonly noteUnknownResult?: ((type: unknown) => void) | undefined
  /** Where previews of projects are served, without a slash at the end; null, the default, when that is not known. */
  readonly previewUrl?: string | null
  readonly sessions: Sessions
  readonly viewerUpdates: ViewerUpdates
  readonly userData: UserData
  readonly limits: {
    /** Largest uploaded document. */
    readonly maxUploadBytes: number
    /** How much earlier a plan's tasks stand in line. */
    readonly headStartMs: (plan: string | null) => number
  }
}

/** What resolvers are given: one for each operation. */
export interface Context extends Services {
  /** null when the request carried no valid token: only introspection and `viewer` answer then. */
  readonly viewer: Viewer | null
  /** Whether the viewer's token is limited. False without a viewer, and where an event is executed for all who watch. */
  readonly isLimited: boolean
  readonly loaders: Loaders
  /** The subscription completes as soon as it has caught up: asked for over HTTP with `extensions: { catchUp: true }`. */
  readonly catchUp: boolean
  /** Writes down in the audit log what the viewer does. Never throws, and waits for nothing. */
  readonly note: (event: AuditEvent, about?: AuditAbout) => void
}
