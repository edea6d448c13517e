import { createServer, type Server } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createTidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

const app = new Hono()
app.get('/hello', (context) => context.text('Hello from Hono'))

const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
const options = { fetch: app.fetch, createServer, port: Number(process.env['PORT'] ?? 4000), hostname: '127.0.0.1' }
const server = serve(options, async ({ port }) => {
  // `/graphql` goes to Tidings, with its event streams and WebSockets; everything else to Hono.
  await tidings.attach(server)
  await tidings.worker()
  console.log(`http://127.0.0.1:${port}`)
}) as Server
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => server.close())
})
