/** Tidings in the Yoga server of a team. */
import type { GraphQLSchema } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { once } from '../async/once.ts'
import { toUnavailable } from '../db/retry.ts'
import { isTidingsError, TidingsError } from '../errors.ts'
import type { Tidings } from '../library/create-tidings.ts'
import { hostOf } from '../library/host.ts'
import type { TeamPlugin } from '../server/http/team-api.ts'
import type { AuthenticatedUser } from '../server/request/authenticate.ts'

/** The options of {@link useTidings}. */
export interface UseTidingsOptions {
  /**
   * Returns the viewer of an operation from the context of the Yoga, such as the organization that owns tasks. By default it is the
   * one that `authenticate` returned; limits of connections apply to that one in any case.
   */
  viewer?(context: object): AuthenticatedUser | null
  /**
   * Whether unexpected errors of all resolvers become `INTERNAL` with an `errorId` that is logged; false to leave those of the team to
   * the `maskedErrors` of the Yoga. @default true
   */
  readonly maskErrors?: boolean
}

/**
 * Creates a plugin for the Yoga server of a team. The schema of that server contains the schema of Tidings. The plugin provides the
 * context of the fields of Tidings, and event streams and polling requests that resume from a cursor. Write it last among the plugins,
 * and call `tidings.attach(server)` for WebSockets.
 *
 * @param tidings - the value that `createTidings` returned
 * @example
 * const yoga = createYoga({ schema, plugins: [useTidings(tidings)] })
 * const server = createServer(yoga)
 * await tidings.attach(server)
 */
export function useTidings(tidings: Tidings, { viewer, maskErrors: masksAll = true }: UseTidingsOptions = {}): Plugin {
  const host = hostOf(tidings, 'useTidings')
  let yoga: { readonly graphqlEndpoint: string; getEnveloped(context: object): unknown } | undefined
  let schema: GraphQLSchema | undefined
  let hooks: TeamPlugin | undefined
  const open = once(async () => {
    if (yoga === undefined || schema === undefined)
      throw new TidingsError(
        'BAD_CONFIGURATION',
        'The Yoga server with useTidings has no schema yet: give createYoga one',
      )
    const { graphqlEndpoint } = yoga
    const getEnveloped = yoga.getEnveloped.bind(yoga)
    const server = await host.serveYoga({ schema, graphqlEndpoint, getEnveloped, viewer, masksAll })
    hooks = server.plugin
    return server
  })
  return {
    onYogaInit({ yoga: server }) {
      yoga = server as unknown as typeof yoga
      host.joined(open)
    },
    onSchemaChange(change: { readonly schema: GraphQLSchema }) {
      schema ??= change.schema
    },
    async onRequestParse(payload) {
      try {
        await open()
      } catch (error) {
        const failure = toUnavailable(error)
        // A configuration is refused in the log, and by `attach`.
        if (!isTidingsError(failure, 'UNAVAILABLE', 'SHUTTING_DOWN')) throw failure
        const { code, message } = failure
        const body = JSON.stringify({ errors: [{ message, extensions: { code } }] })
        const headers = { 'content-type': 'application/graphql-response+json; charset=utf-8' }
        return payload.endResponse(new Response(body, { status: 503, headers }))
      }
      return hooks?.onRequestParse(payload)
    },
    onParams: (payload) => hooks?.onParams(payload),
    onContextBuilding: (payload) => hooks?.onContextBuilding(payload as never),
    onExecute: (payload) => hooks?.onExecute(payload as never),
    onSubscribe: (payload) => hooks?.onSubscribe(payload as never),
    onResultProcess: (payload) => hooks?.onResultProcess(payload),
  } as Plugin
}
