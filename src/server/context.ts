import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExecutionArgs, ExecutionResult, GraphQLError, GraphQLSchema } from 'graphql'
import type { GraphQLParams, PromiseOrValue } from 'graphql-yoga'
import type { AuditAbout, AuditEvent } from '../admin/fact.ts'
import type { Seat } from '../live/outlet.ts'
import type { Viewer } from '../tasks/viewer.ts'
import type { Whence } from './address.ts'

/** What an operation that came over HTTP is given by the server. */
export interface ServerContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly viewer: Viewer | null
  /** Of the client. */
  readonly from: Whence
  /** Ends the connection of a reader who stopped reading. */
  readonly cut: () => void
  /** How much of an event stream waits to be read, beside what has been handed to the socket: told when the stream is opened. */
  readonly onStream: (unreadBytes: () => number) => void
  /** The same, to be asked. */
  readonly unreadBytes: () => number
  /** Called when the event stream has caught up with the log. */
  readonly onCaughtUp: () => void
  /** Settled by the first call of it. */
  readonly caughtUp: Promise<void>
}

/** What an operation is given by its transport, whichever that is. */
export interface OperationContext {
  readonly viewer: Viewer | null
  readonly params: GraphQLParams
  readonly from: Whence
  /** Only over HTTP. */
  readonly req?: IncomingMessage
}

/** The functions that one operation is carried out with; yoga's `getEnveloped`. */
export interface Enveloped {
  readonly schema: GraphQLSchema
  readonly parse: (text: string) => ExecutionArgs['document']
  readonly validate: (schema: GraphQLSchema, document: ExecutionArgs['document']) => readonly GraphQLError[]
  readonly contextFactory: () => PromiseOrValue<unknown>
  readonly execute: (args: ExecutionArgs) => PromiseOrValue<ExecutionResult>
  readonly subscribe: (args: ExecutionArgs) => PromiseOrValue<AsyncIterable<ExecutionResult> | ExecutionResult>
}

/** Whose a shared subscription is, and where its payloads go. */
export interface Place {
  readonly viewer: Viewer | null
  readonly from: Whence
  readonly seat: Seat
}

/** Writes down what happened to whom: see `Audit.note`. `viewer` is null where nobody knows yet who it is. */
export type Note = (event: AuditEvent, viewer: Viewer | null, from: Whence, about?: AuditAbout) => void

/** Whether a subscription is to complete as soon as it has caught up: asked for over HTTP by `extensions: { catchUp: true }`. */
export function wantsCatchUp({ params, req }: Pick<OperationContext, 'params' | 'req'>): boolean {
  return req !== undefined && (params.extensions as Record<string, unknown> | undefined)?.['catchUp'] === true
}
