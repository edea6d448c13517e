/**
 * The null server of `npm run attacks`: parses HTTP and WebSocket frames, answers the queries of
 * the bystander and sends it events, and ignores all other messages. Its latencies are those of the
 * machine.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const port = Number(process.env['PORT'])
const everyMs = 50
const server = createServer((request, response) => {
  request.resume()
  response.end('{}')
})
const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' })
sockets.on('connection', (socket, request) => {
  socket.on('error', () => undefined)
  socket.once('message', () => socket.send('{"type":"connection_ack"}'))
  if (request.headers['x-bystander'] === undefined) return
  const timer = setInterval(() => {
    const event = { at: new Date().toISOString() }
    socket.send(JSON.stringify({ id: 'events', type: 'next', payload: { data: { taskProgress: event } } }))
  }, everyMs)
  socket.on('close', () => clearInterval(timer))
  socket.on('message', (data: Buffer) => {
    const { type, id } = JSON.parse(String(data)) as { readonly type: string; readonly id?: string }
    if (type !== 'connection_init' && id?.startsWith('query') === true) {
      socket.send(JSON.stringify({ id, type: 'next', payload: { data: {} } }))
      socket.send(JSON.stringify({ id, type: 'complete' }))
    }
  })
})
server.listen(port, '127.0.0.1')
