/** Socket.IO: one room per topic, WebSocket only. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { plainMessage } from '../protocol.ts'
import { serve } from './serve.ts'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
io.on('connection', (socket) => {
  void socket.join(`t_${String(socket.handshake.query['topic'])}`)
})
const seqs = new Map<number, number>()
http.listen(0, '127.0.0.1', () =>
  serve({
    port: (http.address() as AddressInfo).port,
    publish(topic) {
      const seq = (seqs.get(topic) ?? 0) + 1
      seqs.set(topic, seq)
      io.to(`t_${topic}`).emit('next', JSON.parse(plainMessage(topic, seq)))
    },
  }),
)
