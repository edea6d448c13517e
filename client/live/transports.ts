import type { TransportFactory } from '../core-client.ts'
import { createPollingTransport } from './polling.ts'
import { createEventStreamTransport } from './sse.ts'
import { createWebSocketTransport } from './websocket.ts'

/** WebSocket, in the protocol graphql-transport-ws. */
export const webSocketTransport: TransportFactory = { name: 'websocket', create: createWebSocketTransport }

/** Event streams over `fetch`. */
export const eventStreamTransport: TransportFactory = { name: 'sse', create: createEventStreamTransport }

/** Polling. */
export const pollingTransport: TransportFactory = { name: 'polling', create: createPollingTransport }
