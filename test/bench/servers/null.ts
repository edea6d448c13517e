/**
 * The null server of `npm run attacks`: parses HTTP and WebSocket frames, acknowledges connections,
 * and does nothing else. A flood that goes to it shows what the attacker and the machine take.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const server = createServer((request, response) => {
  request.resume()
  response.end('{}')
})
const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' })
sockets.on('connection', (socket) => {
  socket.on('error', () => undefined)
  socket.once('message', () => socket.send('{"type":"connection_ack"}'))
})
server.listen(Number(process.env['PORT']), '127.0.0.1')
