import type { RateLimits } from '../../src/rate-limits/rate-limits.ts'
import type { Engine } from '../../src/tasks/engine.ts'

/**
 * The services of the API: one instance per process. Applications add their own by declaration
 * merging: `declare module 'tidings/schema' { interface Services { … } }`.
 */
export interface Services {
  readonly engine: Engine
  /** Called with the code of a failure that a mutation returns as its result. */
  readonly noteFailure?: ((code: string) => void) | undefined
  /**
   * Called with the `type` of a task's result that no member of the union `TaskResult` represents;
   * the API returns null for it.
   */
  readonly noteUnknownResult?: ((type: unknown) => void) | undefined
  /** Called after the viewer deleted a task. */
  readonly noteDeleted?: (() => void) | undefined
  /** The budgets of operations; without them nothing is limited, except the starts of tasks. */
  readonly rateLimits?: RateLimits | undefined
  readonly limits: ServiceLimits
}

/** Limits that resolvers apply. Applications add their own by declaration merging. */
export interface ServiceLimits {
  /** The priority boost of a plan's tasks. */
  readonly headStartMs: (plan: string | null) => number
}
