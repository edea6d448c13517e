import type { AuditDetails, AuditEvent } from '../../src/audit/audit-event.ts'
import type { RateLimitClass } from '../../src/rate-limit-classes.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import type { Loaders } from './loaders.ts'
import type { Services } from './services.ts'

/** The context of resolvers: one for each operation. */
export interface Context extends Services {
  /** null when the request carried no valid token: only introspection and `viewer` respond then. */
  readonly viewer: Viewer | null
  /**
   * Whether the viewer's token is scoped. False without a viewer, and where an event is executed
   * for a subscription group.
   */
  readonly isLimited: boolean
  readonly loaders: Loaders
  /**
   * Uses one operation of the viewer's budget.
   * @throws TidingsError `RATE_LIMITED`
   */
  readonly takeBudget: (name: RateLimitClass) => Promise<void>
  /**
   * Whether the subscription completes as soon as it has caught up: requested over HTTP with
   * `extensions: { catchUp: true }`.
   */
  readonly catchUp: boolean
  /** Writes an action of the viewer to the audit log. Never throws, and does not wait for the write. */
  readonly note: (event: AuditEvent, about?: AuditDetails) => void
}
