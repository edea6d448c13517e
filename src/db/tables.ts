import type { ColumnType, Generated, JSONColumnType } from 'kysely'

/** A JSON object as Postgres stores it. */
export type JsonObject = { readonly [key: string]: unknown }
type Json<T extends object> = JSONColumnType<T>
type NullableJson<T extends object> = ColumnType<T | null, string | null, string | null>

/** `topic`: see migration 0001. */
export interface TopicTable {
  name: string
  seq: Generated<number>
  pruned_seq: Generated<number>
  closed: Generated<boolean>
}

/** `event`: one entry of a topic. */
export interface EventTable {
  topic: string
  seq: number
  type: string
  at: Date
  payload: Json<JsonObject>
}

/** `task`: the truth about a unit of work. */
export interface TaskTable {
  id: string
  kind: string
  status: 'QUEUED' | 'RUNNING' | 'RETRYING' | 'COMPLETED' | 'FAILED' | 'CANCELED'
  owner: string
  subject: string | null
  input: Json<JsonObject>
  attempt: Generated<number>
  max_attempts: number
  progress: Json<JsonObject>
  result: NullableJson<JsonObject>
  error: NullableJson<JsonObject>
  cancel_reason: string | null
  retry_of: string | null
  queue_key: Date
  worker: string | null
  lease_until: Date | null
  next_attempt_at: Date | null
  created_at: Date
  started_at: Date | null
  finished_at: Date | null
}

/** `task_item`: a part of a task that has a state of its own. */
export interface TaskItemTable {
  task_id: string
  key: string
  position: number
  label: string
  status: 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'SKIPPED'
  percent: number
  error: NullableJson<JsonObject>
}

/** `idempotency`: which task an idempotency key stands for. */
export interface IdempotencyTable {
  owner: string
  key: string
  digest: string
  task_id: string
  created_at: Generated<Date>
}

/** `worker`: who is alive and how many tasks of each kind it takes. */
export interface WorkerTable {
  id: string
  slots: Json<Record<string, number>>
  seen_at: Date
}

/** All tables of the record, for Kysely. */
export interface Tables {
  meta: { key: string; value: string }
  topic: TopicTable
  event: EventTable
  task: TaskTable
  task_item: TaskItemTable
  idempotency: IdempotencyTable
  worker: WorkerTable
}
