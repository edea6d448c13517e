/**
 * A client with no cache and one transport, as a small page would import it. `npm run client:size`
 * measures it.
 */
export { createCoreClient } from './core-client.ts'
export { webSocketTransport } from './transport/transports.ts'
