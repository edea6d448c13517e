/** The client without React: `tidings/client`. */
export type { ConnectionState, ConnectionStatus, ConnectionStore } from './live/connection.ts'
export type { TidingsClientOptions, TransportName } from './live/options.ts'
export type { OutboxEntry, OutboxState, OutboxStore } from './live/outbox.ts'
export type { OfflineStorage } from './live/storage.ts'
export type { Store } from './live/store.ts'
export { defaultTiming, type Timing } from './live/timing.ts'
export type { TaskStates, WatchTaskOptions } from './live/watch-task.ts'
export { createTidingsClient, type TidingsClient } from './tidings-client.ts'
