import type { TransportFactory } from '../core-client.ts'
import { createPollingTransport } from './polling.ts'
import { createEventStreamTransport } from './sse.ts'
import { createWebSocketTransport } from './websocket.ts'

/** The WebSocket transport, with the protocol graphql-transport-ws. */
export const webSocketTransport: TransportFactory = { name: 'websocket', create: createWebSocketTransport }

/** The transport of event streams (SSE) over `fetch`. */
export const eventStreamTransport: TransportFactory = { name: 'sse', create: createEventStreamTransport }

/** The polling transport. */
export const pollingTransport: TransportFactory = { name: 'polling', create: createPollingTransport }
