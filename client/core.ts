/** The client in parts, for small bundles: `tidings/core`. */
export { type CoreClient, type CoreClientOptions, createCoreClient } from './core-client.ts'
export { eventStreamTransport, pollingTransport, type TransportFactory, webSocketTransport } from './live/transports.ts'
export { watchTask } from './live/watch-task.ts'
