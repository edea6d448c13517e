/** The client without React: `tidings/client`. */

export { createId } from './base/environment.ts'
export { createStore, type MutableStore, type Store } from './base/store.ts'
export { defaultTiming, type Timing } from './base/timing.ts'
export type { CacheSchema } from './cache/cache.ts'
export type { CacheContext, CacheRules, TaskEventFields } from './cache/cache-rules.ts'
export type { Assumption } from './cache/optimistic-exchange.ts'
export type { ConnectionState, ConnectionStatus, ConnectionStore } from './connection/connection-state.ts'
export { TaskItemsDocument, TaskProgressDocument, type TaskProgressSubscription } from './gql/graphql.ts'
export type {
  AnyKind,
  EngineErrorCode,
  ErrorOf,
  GeneratedKind,
  InputOf,
  TaskEventOf,
  TaskOf,
} from './kinds/generated-kind.ts'
export type { GeneratedTopic, TopicEvent, TopicEventOf } from './kinds/generated-topic.ts'
export { type KindDocuments, kindFromDocuments } from './kinds/kind-from-documents.ts'
export { type StartOutcome, type StartRefusal, startTask } from './kinds/start-task.ts'
export { type ListedTask, type TaskPage, type TaskPageVariables, tasksDocument } from './kinds/tasks-document.ts'
export type { TidingsClientOptions } from './options.ts'
export type { OutboxEntry, OutboxState, OutboxStore } from './outbox/outbox.ts'
export type { OutboxContext } from './outbox/outbox-exchange.ts'
export type { OfflineStorage } from './outbox/storage-adapter.ts'
export type { UploadProgress, UploadStore } from './outbox/uploads.ts'
export type { ClientPlugin, TaskChanges } from './plugin.ts'
export { type Folded, ignoreUnknown, isNewerSnapshot } from './reduce/fold.ts'
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
export { type TidingsExchange, type TidingsExchangeOptions, tidingsExchange } from './tidings-exchange.ts'
export { createEventStreamParser, type EventStreamParser, type ServerSentEvent } from './transport/event-stream.ts'
export type { TransportName } from './transport/transport.ts'
export { type TaskStates, type WatchTaskOptions, watchTask, watchTopic } from './watch-task/watch-task.ts'
