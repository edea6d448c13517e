/**
 * `tidings/engine`: the log, the tasks and the database of one process without the API, for applications that define their types
 * with `tidings/schema` and tables of their own. A team that uses `createTidings` of `tidings` needs it for none of its tasks.
 */
export { auditEvents } from './audit/audit-event.ts'
export { type AuditEntry, readAuditLog } from './audit/audit-log.ts'
export {
  type ConnectedClient,
  type ConnectionStats,
  countSubscriptions,
  mergeServerStatistics,
} from './audit/connection-statistics.ts'
export type { Count } from './audit/server-statistics.ts'
export { afterCommit, connectDatabase, type Database, describeDatabaseUrl, withTransaction } from './db/connect.ts'
export { type EmbeddedPostgres, startEmbeddedPostgres } from './db/embedded.ts'
export { forgetBusName, renewEpoch } from './db/epoch.ts'
export { hasTables, type MigrationSeries, migrate } from './db/migrate.ts'
export { havePairs } from './db/pairs.ts'
export type { JsonObject, TaskStatus } from './db/tables.ts'
export { type ErrorCatalogue, isTidingsError, TidingsError } from './errors.ts'
export { type Appender, createAppender } from './log/append.ts'
export { appendInTransaction, type TransactionalAppender } from './log/append-in-transaction.ts'
export type { AppendResult } from './log/append-request.ts'
export { formatCursor } from './log/cursor.ts'
export type { LogEvent } from './log/event.ts'
export type { TopicUpdate } from './log/follow.ts'
export { createTopic, deleteTopic, pruneTopic } from './log/topic.ts'
export { createLogger, type Logger, silentLogger } from './logger.ts'
export type { Presence } from './presence/presence.ts'
export type { Present } from './presence/presence-rows.ts'
export { type Engine, startEngine } from './tasks/engine.ts'
export type { CompletionHook, TaskEnd } from './tasks/model/completion-hooks.ts'
export { FinalError, RetryableError } from './tasks/model/failure.ts'
export { advance, declareItems, item, output, type Report, stage } from './tasks/model/report.ts'
export { isStorable, storableJson, storableText, unstorable } from './tasks/model/storable.ts'
export type { TaskStore } from './tasks/model/store.ts'
export { type FailureState, finalStatuses, isFinal, type Task, type TaskItem, taskTopic } from './tasks/model/task.ts'
export {
  type Announcement,
  createTaskDefinition,
  type Ending,
  type Start,
  type TaskContext,
  type TaskDefinition,
  type Watcher,
} from './tasks/model/task-definition.ts'
export { isLimited, localDeveloper, type Viewer, withoutToken } from './tasks/model/viewer.ts'
export { activeTasks, findActiveTask } from './tasks/queue/active-tasks.ts'
export { priorityBoostMs } from './tasks/queue/priority-boost.ts'
export { cancelIfActive, forgetUser } from './tasks/start/erase.ts'
export { checkIdempotencyKey, keyReused } from './tasks/start/idempotency-key.ts'
export type { TaskService } from './tasks/start/service.ts'
export { createOutputBuffer } from './tasks/worker/output-buffer.ts'
export { openTracing } from './tracing/open.ts'
export type { Tracing } from './tracing/tracing.ts'
