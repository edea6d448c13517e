import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql'
import type { GraphQLParams, PromiseOrValue } from 'graphql-yoga'
import type { AuditDetails, AuditEvent } from '../../audit/audit-event.ts'
import type { SinkOperation } from '../../live/deliver/sink.ts'
import type { Viewer } from '../../tasks/model/viewer.ts'
import type { ClientInfo } from './client-address.ts'
import type { RetainedParts } from './declared-params.ts'

/** The server context of an operation that arrived over HTTP. */
export interface ServerContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly viewer: Viewer | null
  /** The address and the user agent of the client. */
  readonly from: ClientInfo
  /** Closes the connection of a client that has stopped reading. */
  readonly cut: () => void
  /**
   * Receives, when an event stream is opened, the function that returns its unread bytes, excluding
   * those already handed to the socket.
   */
  readonly onStream: (unreadBytes: () => number) => void
  /** Returns the unread bytes of the event stream. */
  readonly unreadBytes: () => number
  /** Called when the event stream has caught up with the log. */
  readonly onCaughtUp: () => void
  /** Resolves on the first call of {@link onCaughtUp}. */
  readonly caughtUp: Promise<void>
}

/** The context that every transport provides for an operation. */
export interface OperationContext {
  readonly viewer: Viewer | null
  /** Retained as long as the operation. */
  readonly params: GraphQLParams
  readonly from: ClientInfo
  /** Present only over HTTP. */
  readonly req?: IncomingMessage
  /**
   * Records what the operation retains until it ends; false when the operations of its stream would
   * retain too much. Present only on a stream of several operations.
   */
  readonly retain?: (parts: RetainedParts) => boolean
  /** The id of the WebSocket; absent on other transports. */
  readonly socketId?: string | undefined
}

/** The functions that execute one operation; the result of yoga's `getEnveloped`. */
export interface Enveloped {
  readonly schema: GraphQLSchema
  readonly parse: (text: string) => ExecutionArgs['document']
  readonly validate: (schema: GraphQLSchema, document: ExecutionArgs['document']) => readonly GraphQLError[]
  readonly contextFactory: () => PromiseOrValue<unknown>
  readonly execute: (args: ExecutionArgs) => PromiseOrValue<ExecutionResult>
  readonly subscribe: (args: ExecutionArgs) => PromiseOrValue<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** The viewer of a subscription on a WebSocket, and the destination of its payloads. */
export interface Destination {
  readonly viewer: Viewer | null
  readonly from: ClientInfo
  /** The id of the WebSocket. */
  readonly socketId: string | undefined
  readonly sinkOperation: SinkOperation
}

/**
 * Writes an entry to the audit log: see `Audit.note`. `viewer` is null when the request is not
 * authenticated.
 */
export type WriteAudit = (event: AuditEvent, viewer: Viewer | null, from: ClientInfo, about?: AuditDetails) => void

/**
 * Whether a subscription completes as soon as it has caught up: requested over HTTP by
 * `extensions: { catchUp: true }`.
 */
export function wantsCatchUp({ params, req }: Pick<OperationContext, 'params' | 'req'>): boolean {
  return req !== undefined && (params.extensions as Record<string, unknown> | undefined)?.['catchUp'] === true
}
