import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createPayload, createPayloadBatch } from '../../../src/live/deliver/frames.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createConnections } from '../../../src/server/connections/connections.ts'
import { createServerMetrics } from '../../../src/server/connections/server-metrics.ts'
import { createWork } from '../../../src/server/connections/work.ts'
import { createServedSocket, type ServedSocket } from '../../../src/server/websocket/socket.ts'
import { sinks, testConfig, until } from '../support.ts'

const limits = { MAX_SOCKETS_PER_ADDRESS: 10, MAX_SOCKETS_PER_VIEWER: 10 }

/** Opens a WebSocket to a server of its own. */
async function open() {
  const opened = Promise.withResolvers<{ readonly one: ServedSocket; readonly tcp: Duplex }>()
  await using stack = new AsyncDisposableStack()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const connections = createConnections(limits, createServerMetrics())
  const surroundings = {
    maxBufferBytes: 16_384,
    maxRetainedBytes: 16_384,
    maxAnonymousBytes: 16_384,
    work: createWork(testConfig(), createServerMetrics(), connections),
    floodMs: 10_000,
    answer: () => false,
    connections,
    live: sinks,
    note: () => undefined,
    logger: silentLogger,
    refine: (_socket: WebSocket, error: unknown) => error,
  }
  const from = { address: '127.0.0.1', network: '127.0.0.1', userAgent: null }
  const server = stack.use(createServer())
  server.on('upgrade', (request, tcp, head) =>
    sockets.handleUpgrade(request, tcp, head, (socket) => {
      const one = createServedSocket({ socket, tcp, headers: {}, from, pingTurn: 0, surroundings })
      opened.resolve({ one, tcp })
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  stack.defer(() => client.terminate())
  await once(client, 'open')
  const { one, tcp } = await opened.promise
  const kept = stack.move()
  return { client, one, tcp, surroundings, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

test('a socket with many unread events still receives messages, before and after they are read', async () => {
  await using fixture = await open()
  const { client, one, tcp, surroundings } = fixture
  const heard: unknown[] = []
  one.onMessage(async (message) => void heard.push(message))

  client.pause()
  // As live delivery writes: more than the operating systems of both sides buffer.
  const events = createPayloadBatch([createPayload(JSON.stringify('x'.repeat(20_000_000)))])
  tcp.write(events.frames(3).withId(Buffer.from('"1"')))
  expect(one.unreadBytes()).toBeGreaterThan(surroundings.maxBufferBytes)
  for (const type of ['complete', 'ping']) client.send(JSON.stringify({ type }))
  await until(() => expect(heard).toHaveLength(2))
  client.resume()
  await until(() => expect(one.unreadBytes()).toBe(0))
  client.send(JSON.stringify({ type: 'subscribe' }))
  await until(() => expect(heard).toEqual([{ type: 'complete' }, { type: 'ping' }, { type: 'subscribe' }]))
})

test('the operations of a socket retain a limited number of bytes together', async () => {
  await using fixture = await open()
  const { one, surroundings } = fixture
  const documentChars = surroundings.maxRetainedBytes * 0.6
  const large = { document: parse('{ a }'), documentChars, variables: undefined }
  const other = { ...large, document: parse('{ b }') }
  const small = { ...other, documentChars: 100 }
  one.operations = { a: null }
  expect(one.retained.add('a', large)).toBe(true)
  one.operations = { a: null, b: null, c: null }
  expect([one.retained.add('b', other), one.retained.add('c', small)]).toEqual([false, true])
  // The same document is retained once.
  expect(one.retained.add('b', large)).toBe(true)
  expect(one.retained.add('d', { ...large, variables: { text: 'x'.repeat(documentChars) } })).toBe(false)
  // The others have ended.
  one.operations = { d: null }
  expect(one.retained.add('d', other)).toBe(true)
})

test('messages that can no longer be sent wait for the end of the socket, with one listener', async () => {
  await using fixture = await open()
  const { client, one } = fixture
  client.pause()
  one.close(1000, 'Over')
  const before = one.socket.listenerCount('close')
  let settled = 0
  const sent = Promise.all(
    Array.from({ length: 20 }, async () => {
      await one.send('{}')
      settled++
    }),
  )
  await new Promise(setImmediate)
  expect([settled, one.socket.listenerCount('close') - before]).toEqual([0, 1])
  client.resume()
  await sent
  expect(settled).toBe(20)
})
