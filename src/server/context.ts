import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GraphQLParams } from 'graphql-yoga'
import type { Viewer } from '../tasks/viewer.ts'

/** What an operation that came over HTTP is given by the server. */
export interface ServerContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly viewer: Viewer | null
  /** Of the client. */
  readonly address: string
  /** Ends the connection of a reader who stopped reading. */
  readonly cut: () => void
}

/** What an operation is given by its transport, whichever that is. */
export interface OperationContext {
  readonly viewer: Viewer | null
  readonly params: GraphQLParams
  /** Only over HTTP. */
  readonly req?: IncomingMessage
}

/** Whether a subscription is to complete as soon as it has caught up: asked for over HTTP by `extensions: { catchUp: true }`. */
export function wantsCatchUp({ params, req }: OperationContext): boolean {
  return req !== undefined && (params.extensions as Record<string, unknown> | undefined)?.['catchUp'] === true
}
