/** `ws` alone: one prepared string for all subscribers, one send per event and socket. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { plainMessage } from '../protocol.ts'
import { serve } from './serve.ts'

const rooms = new Map<number, Set<WebSocket>>()
const seqs = new Map<number, number>()
const http = createServer()
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket, request) => {
  const topic = Number(new URL(request.url ?? '/', 'http://bench').searchParams.get('topic'))
  const room = rooms.get(topic) ?? new Set()
  rooms.set(topic, room.add(socket))
  socket.on('error', () => undefined)
  socket.once('close', () => room.delete(socket))
})
http.listen(0, '127.0.0.1', () =>
  serve({
    port: (http.address() as AddressInfo).port,
    publish(topic) {
      const seq = (seqs.get(topic) ?? 0) + 1
      seqs.set(topic, seq)
      const message = plainMessage(topic, seq)
      for (const socket of rooms.get(topic) ?? []) socket.send(message)
    },
  }),
)
