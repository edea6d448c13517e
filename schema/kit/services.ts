import type { RateLimits } from '../../src/audit/rate-limits.ts'
import type { Analytics } from '../../src/studio/analytics/analytics.ts'
import type { Documents } from '../../src/studio/documents/documents.ts'
import type { Notifications } from '../../src/studio/notifications/notifications.ts'
import type { Projects } from '../../src/studio/projects/projects.ts'
import type { Quizzes } from '../../src/studio/quizzes/quizzes.ts'
import type { Quotas } from '../../src/studio/quotas.ts'
import type { Roadmaps } from '../../src/studio/roadmaps/roadmaps.ts'
import type { Sessions } from '../../src/studio/sessions/sessions.ts'
import type { UserData } from '../../src/studio/user-data.ts'
import type { ViewerUpdates } from '../../src/studio/viewer/viewer-updates.ts'
import type { Engine } from '../../src/tasks/engine.ts'

/** The services of the API: one instance per process. */
export interface Services {
  readonly engine: Engine
  readonly analytics: Analytics
  readonly documents: Documents
  readonly notifications: Notifications
  readonly projects: Projects
  readonly quizzes: Quizzes
  readonly quotas: Quotas
  readonly roadmaps: Roadmaps
  /** Called with the code of a failure that a mutation returns as its result. */
  readonly noteFailure?: ((code: string) => void) | undefined
  /**
   * Called with the `type` of a task's result that no member of the union `TaskResult` represents;
   * the API returns null for it.
   */
  readonly noteUnknownResult?: ((type: unknown) => void) | undefined
  /** The URL of the preview server, without a trailing slash; null, the default, when it is unknown. */
  readonly previewUrl?: string | null
  readonly sessions: Sessions
  /** The budgets of operations; without them nothing is limited, except the starts of tasks. */
  readonly rateLimits?: RateLimits | undefined
  readonly viewerUpdates: ViewerUpdates
  readonly userData: UserData
  readonly limits: {
    /** Maximum size of an uploaded document. */
    readonly maxUploadBytes: number
    /** The priority boost of a plan's tasks. */
    readonly headStartMs: (plan: string | null) => number
  }
}
