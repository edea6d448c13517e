/**
 * The smallest useful client, with no cache and one transport. `npm run client:size` measures it.
 */
export { createCoreClient } from './core-client.ts'
export { webSocketTransport } from './live/transports.ts'
