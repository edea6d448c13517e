/** The client in parts, for small bundles: `tidings/core`. */
export { type CoreClient, type CoreClientOptions, createCoreClient } from './core-client.ts'
export { startTask } from './kinds/start-task.ts'
export {
  eventStreamTransport,
  pollingTransport,
  type TransportFactory,
  webSocketTransport,
} from './transport/transports.ts'
export { watchTask, watchTopic } from './watch-task/watch-task.ts'
