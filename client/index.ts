/** The client without React: `tidings/client`. */

export type { Store } from './base/store.ts'
export { defaultTiming, type Timing } from './base/timing.ts'
export type { ConnectionState, ConnectionStatus, ConnectionStore } from './connection/connection-state.ts'
export { TaskItemsDocument, TaskProgressDocument, type TaskProgressSubscription } from './gql/graphql.ts'
export type { TidingsClientOptions } from './options.ts'
export type { OutboxEntry, OutboxState, OutboxStore } from './outbox/outbox.ts'
export type { OutboxContext } from './outbox/outbox-exchange.ts'
export type { OfflineStorage } from './outbox/storage-adapter.ts'
export type { UploadProgress, UploadStore } from './outbox/uploads.ts'
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
export { addItems, isFinalStatus, reduceTask, reduceTaskEvents } from './reduce/task.ts'
export {
  type QueuePosition,
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
export type { TransportName } from './transport/transport.ts'
export type { TaskStates, WatchTaskOptions } from './watch-task/watch-task.ts'
