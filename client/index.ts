/** The client without React: `tidings/client`. */
export { TaskProgressDocument, type TaskProgressSubscription } from './gql/graphql.ts'
export type { ConnectionState, ConnectionStatus, ConnectionStore } from './live/connection.ts'
export type { TidingsClientOptions } from './live/options.ts'
export type { OutboxEntry, OutboxState, OutboxStore } from './live/outbox.ts'
export type { OutboxContext } from './live/outbox-exchange.ts'
export type { OfflineStorage } from './live/storage.ts'
export type { Store } from './live/store.ts'
export { defaultTiming, type Timing } from './live/timing.ts'
export type { TransportName } from './live/transport.ts'
export type { UploadProgress, UploadStore } from './live/uploads.ts'
export type { TaskStates, WatchTaskOptions } from './live/watch-task.ts'
export { bringUpToDate, type InboxEntry, type InboxEvent, type InboxState, reduceInbox } from './reduce/inbox.ts'
export { reduceSession } from './reduce/session.ts'
export {
  type SessionCard,
  type SessionEvent,
  type SessionMessage,
  type SessionParticipant,
  type SessionState,
  type SessionStatistics,
  unknownSession,
} from './reduce/session-state.ts'
export { isFinalStatus, reduceTask, reduceTaskEvents } from './reduce/task.ts'
export {
  type QueuePlace,
  type TaskError,
  type TaskEvent,
  type TaskItem,
  type TaskOutputText,
  type TaskProgress,
  type TaskResult,
  type TaskState,
  unknownTask,
} from './reduce/task-state.ts'
export { createTidingsClient, type TidingsClient } from './tidings-client.ts'
