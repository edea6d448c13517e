import type { HttpOptions } from './http.ts'
import { createPollingTransport } from './polling.ts'
import { createEventStreamTransport } from './sse.ts'
import type { Transport, TransportName } from './transport.ts'
import { createWebSocketTransport, type WebSocketImplementation } from './websocket.ts'

/** Options passed to a transport when it is created. */
interface TransportOptions extends HttpOptions {
  readonly webSocketImpl: WebSocketImplementation | undefined
}

/** A transport that a client may use: `webSocketTransport`, `eventStreamTransport` or `pollingTransport`. */
export interface TransportFactory {
  readonly name: TransportName
  readonly create: (options: TransportOptions) => Transport
}

/** The WebSocket transport, with the protocol graphql-transport-ws. */
export const webSocketTransport: TransportFactory = { name: 'websocket', create: createWebSocketTransport }

/** The transport of event streams (SSE) over `fetch`. */
export const eventStreamTransport: TransportFactory = { name: 'sse', create: createEventStreamTransport }

/** The polling transport. */
export const pollingTransport: TransportFactory = { name: 'polling', create: createPollingTransport }
