import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTidings } from 'tidings'
import { exportReport } from './tasks.ts'

const page = await readFile(new URL('page.html', import.meta.url))
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
})

// Without a databaseUrl, a PostgreSQL of its own keeps its data in `.data`.
const tidings = createTidings({ tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'] })
await tidings.attach(server)
await tidings.worker()

server.listen(Number(process.env['PORT'] ?? 4000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('SIGTERM', () => {
  void tidings[Symbol.asyncDispose]().then(() => server.close())
})
