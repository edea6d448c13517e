import { randomUUID } from 'node:crypto'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { type DocumentNode, type ExecutionResult, GraphQLError, type GraphQLFormattedError, print } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { Authenticate, AuthenticatedUser } from '../server/request/authenticate.ts'

/** The options of an operation of a test. */
export interface OperationOptions {
  /** The caller; null for an anonymous one. @default { userId: 'test-user' } */
  readonly viewer?: AuthenticatedUser | null
}

/** Operations of a test. They take the way of those of any client: limits, authentication and masked errors included. */
export interface TestClient {
  /**
   * Executes a query or a mutation.
   * @returns data and errors; does not reject for errors of the operation
   * @example
   * const { data } = await tidings.execute('mutation { cancelTask(input: { taskId: "…" }) { __typename } }', {}, { viewer: { userId: 'ada' } })
   */
  execute<D = Record<string, unknown>, V extends object = Record<string, unknown>>(
    document: string | DocumentNode | TypedDocumentNode<D, V>,
    variables?: V,
    options?: OperationOptions,
  ): Promise<ExecutionResult<D>>
  /**
   * Subscribes over a WebSocket. Rejects for a refused subscription and when the socket is cut: it does not resume, as the clients of
   * `tidings/client` do.
   * @example
   * for await (const { data } of tidings.subscribe('subscription { … }')) console.log(data)
   */
  subscribe<D = Record<string, unknown>, V extends object = Record<string, unknown>>(
    document: string | DocumentNode | TypedDocumentNode<D, V>,
    variables?: V,
    options?: OperationOptions,
  ): AsyncIterableIterator<ExecutionResult<D>>
}

/** The user of operations and the owner of tasks that name no other one. */
export const testUser = 'test-user'

/** The parameter of `connection_init` that identifies the viewer of an operation of a test. */
const viewerParameter = 'testViewer'

/**
 * Creates the client of a test.
 *
 * @param authenticate - the function of the team, for connections of others; by default they are `test-user`
 * @returns the client with `authenticate` for its server
 */
export function createTestClient({
  listen,
  authenticate = () => ({ userId: testUser }),
}: {
  readonly listen: () => Promise<{ readonly wsUrl: string }>
  readonly authenticate?: Authenticate | undefined
}): TestClient & AsyncDisposable & { readonly authenticate: Authenticate } {
  /** By keys that nobody can guess: other programs of this machine reach the server, too. */
  const viewers = new Map<string, AuthenticatedUser | null>()
  const clients: Client[] = []

  const iterate = (
    document: string | DocumentNode,
    variables: object | undefined,
    viewer: AuthenticatedUser | null,
  ): AsyncIterableIterator<ExecutionResult> => {
    const key = randomUUID()
    viewers.set(key, viewer)
    // Closes its socket when the operation has ended.
    const client = createClient({
      url: async () => (await listen()).wsUrl,
      webSocketImpl: WebSocket,
      connectionParams: { [viewerParameter]: key },
      retryAttempts: 0,
    })
    clients.push(client)
    const query = typeof document === 'string' ? document : print(document)
    return client.iterate({ query, variables: { ...variables } }) as AsyncIterableIterator<ExecutionResult>
  }
  const user = { userId: testUser }
  return {
    authenticate(caller) {
      const key = caller.connectionParams?.[viewerParameter]
      const viewer = typeof key === 'string' ? viewers.get(key) : undefined
      return viewer === undefined ? authenticate(caller) : viewer
    },
    async execute(document, variables, { viewer = user } = {}) {
      try {
        for await (const result of iterate(document, variables, viewer)) return result as never
        throw new Error('The server ended the operation without a result')
      } catch (error) {
        // An operation that is not executed, such as an invalid one.
        if (!Array.isArray(error)) throw error
        return {
          errors: error.map(
            (one: GraphQLFormattedError) => new GraphQLError(one.message, { extensions: one.extensions ?? {} }),
          ),
        }
      }
    },
    subscribe: (document, variables, { viewer = user } = {}) => iterate(document, variables, viewer) as never,
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.dispose()
    },
  }
}
