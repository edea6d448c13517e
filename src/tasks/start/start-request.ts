import type { JsonObject } from '../../db/tables.ts'

/** A request to start a task. */
export interface StartRequest {
  readonly kind: string
  /** Validated against the definition's schema. */
  readonly input: JsonObject
  readonly owner: string
  /** A repeated request with the same key within the retention of keys returns the same task. */
  readonly idempotencyKey?: string | undefined
  /**
   * The priority boost of the owner: the time by which the task is moved forward in the queue, beside the
   * priority of its kind. Causes no starvation. Default 0.
   */
  readonly headStartMs?: number
  readonly retryOf?: string
  /** The subject of the retried task. */
  readonly retriedSubject?: string | null
}
