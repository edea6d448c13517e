import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGraphQLError, createYoga, type Plugin } from 'graphql-yoga'
import { viewerOf } from 'tidings'
import { useTidings } from 'tidings/yoga'
import { type Context, schema, tidings, users } from './schema.ts'

/** A plugin of the team: it runs for every operation, also over WebSockets. */
const useOperationLimit: Plugin = {
  onParse: ({ params }) => {
    if (String(params.source).length > 10_000) throw createGraphQLError('This operation is too long')
  },
}

const yoga = createYoga({
  schema,
  // Over every transport: a WebSocket has no request, so the viewer that `authenticate` returned is read.
  context: (initial): Context => ({ user: users.get(viewerOf(initial)?.userId ?? '') ?? null }),
  plugins: [useOperationLimit, useTidings(tidings)],
})
const server = createServer(yoga)
// WebSockets on the path of the Yoga.
await tidings.attach(server)
await tidings.worker()

server.listen(Number(process.env['PORT'] ?? 4000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => server.close())
})
