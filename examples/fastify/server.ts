import fastify from 'fastify'
import { createTidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

const app = fastify()
app.get('/hello', () => 'Hello from Fastify')
await app.ready()

const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
// `/graphql` goes to Tidings, with its event streams and WebSockets; everything else to Fastify.
await tidings.attach(app.server)
await tidings.worker()

console.log(await app.listen({ port: Number(process.env['PORT'] ?? 4000), host: '127.0.0.1' }))
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => app.close())
})
