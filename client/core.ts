/** The client in parts, for small bundles: `tidings/core`. */
export { type CoreClient, type CoreClientOptions, createCoreClient, type TransportFactory } from './core-client.ts'
export { eventStreamTransport, pollingTransport, webSocketTransport } from './live/transports.ts'
export { watchTask } from './live/watch-task.ts'
