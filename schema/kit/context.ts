import type { AuditDetails, AuditEvent } from '../../src/audit/audit-event.ts'
import type { RateLimitClass } from '../../src/rate-limits/rate-limit-classes.ts'
import { keyOfUser } from '../../src/rate-limits/rate-limits.ts'
import { isLimited, type Viewer } from '../../src/tasks/model/viewer.ts'
import { createLoaders, type Loaders } from './loaders.ts'
import type { Services } from './services.ts'

/** Whether a viewer may start a task of a kind with an input, as a field of a team decides it. */
export type MayStart = (kind: string, input: unknown) => Promise<boolean>

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
  /** Asked beside the permission of the kind; without it, that one decides. */
  readonly mayStart?: MayStart | undefined
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

/** Creates the context for the resolvers of one operation. */
export function createContext(
  services: Services,
  viewer: Viewer | null,
  options: {
    readonly catchUp: boolean
    /** The address, its network and the user agent of the client; unknown by default. */
    readonly from?:
      | { readonly address: string; readonly network: string; readonly userAgent: string | null }
      | undefined
  },
): Context {
  const { address = null, network = null, userAgent = null } = options.from ?? {}
  return {
    ...services,
    viewer,
    isLimited: viewer !== null && isLimited(viewer),
    catchUp: options.catchUp,
    loaders: createLoaders(services),
    takeBudget: async (name) =>
      services.rateLimits?.take(name, { key: keyOfUser(viewer?.userId ?? null, network), network }),
    note: (event, about) =>
      services.engine.admin.audit.note(event, { userId: viewer?.userId ?? null, address, userAgent }, about),
  }
}
