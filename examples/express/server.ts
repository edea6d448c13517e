import express from 'express'
import { createTidings } from 'tidings'
import { exportReport } from '../http/tasks.ts'

const app = express()
app.get('/hello', (_request, response) => {
  response.send('Hello from Express')
})

const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
const server = app.listen(Number(process.env['PORT'] ?? 4000), '127.0.0.1', async () => {
  // `/graphql` goes to Tidings, with its event streams and WebSockets; everything else to Express.
  await tidings.attach(server)
  await tidings.worker()
  const address = server.address()
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)
})
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => server.close())
})
