/**
 * The limit of the machine and Node when one event is one write: the frame is created once, and
 * written to the TCP socket of every reader. Not a usable server; a server that writes event by
 * event cannot be faster.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { plainMessage } from '../protocol.ts'
import { serve } from './serve.ts'

const rooms = new Map<number, Set<Duplex>>()
const seqs = new Map<number, number>()
const http = createServer()
const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })
http.on('upgrade', (request, socket, head) =>
  upgrades.handleUpgrade(request, socket, head, (opened) => {
    const topic = Number(new URL(request.url ?? '/', 'http://bench').searchParams.get('topic'))
    const room = rooms.get(topic) ?? new Set()
    rooms.set(topic, room.add(socket))
    opened.on('error', () => undefined)
    opened.once('close', () => room.delete(socket))
  }),
)
/**
 * Creates an unmasked text frame of 126 to 65,535 bytes (RFC 6455, 5.2), the size of all messages
 * of the benchmark.
 */
const frame = (text: string): Buffer => {
  const bytes = Buffer.byteLength(text)
  const buffer = Buffer.allocUnsafe(4 + bytes)
  buffer.writeUInt16BE(0x817e, 0)
  buffer.writeUInt16BE(bytes, 2)
  buffer.write(text, 4)
  return buffer
}
http.listen(0, '127.0.0.1', () =>
  serve({
    port: (http.address() as AddressInfo).port,
    publish(topic) {
      const seq = (seqs.get(topic) ?? 0) + 1
      seqs.set(topic, seq)
      const message = frame(plainMessage(topic, seq))
      for (const socket of rooms.get(topic) ?? []) socket.write(message)
    },
  }),
)
