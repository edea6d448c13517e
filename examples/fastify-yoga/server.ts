import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createYoga } from 'graphql-yoga'
import { viewerOf } from 'tidings'
import { useTidings } from 'tidings/yoga'
import { type Context, schema, tidings, users } from '../pothos-yoga/schema.ts'

const yoga = createYoga<{ req: FastifyRequest; reply: FastifyReply }>({
  schema,
  context: (initial): Context => ({ user: users.get(viewerOf(initial)?.userId ?? '') ?? null }),
  plugins: [useTidings(tidings)],
})

const app = fastify()
app.route({
  url: yoga.graphqlEndpoint,
  method: ['GET', 'POST', 'OPTIONS'],
  handler: (req, reply) => yoga.handleNodeRequestAndResponse(req, reply, { req, reply }),
})
await app.ready()
// WebSockets on the path of the Yoga.
await tidings.attach(app.server)
await tidings.worker()

console.log(await app.listen({ port: Number(process.env['PORT'] ?? 4000), host: '127.0.0.1' }))
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => app.close())
})
