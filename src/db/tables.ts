/** A JSON object as Postgres stores it. */
export type JsonObject = { readonly [key: string]: unknown }

/** `task.status`: see the check in migration 0030. */
export type TaskStatus = 'QUEUED' | 'RUNNING' | 'RETRYING' | 'COMPLETED' | 'FAILED' | 'CANCELED'

/** The outcome of an execution of a task: `outcome` within `task.attempts`. */
export type AttemptOutcome = 'COMPLETED' | 'FAILED' | 'CANCELED' | 'WORKER_LOST' | 'HANDED_OVER'

/** `task_item.status`. */
export type ItemStatus = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'SKIPPED'
