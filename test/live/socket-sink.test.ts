import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createEndOfTurn, type EndOfTurn } from '../../src/async/end-of-turn.ts'
import { createPayload, createPayloadBatch } from '../../src/live/deliver/frames.ts'
import { createSocketSink, type SocketSink } from '../../src/live/deliver/socket-sink.ts'

interface Side {
  readonly webSocket: WebSocket
  readonly socket: Duplex
  readonly sink: SocketSink
}

/** Starts a real server with a sink for each socket. */
async function startSockets(options: { budgetBytes?: number; patienceMs?: number } = {}) {
  const turn: EndOfTurn = createEndOfTurn((error) => {
    throw error
  })
  const sides: Side[] = []
  const http = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  let givenUp = 0
  let leftCorked = 0
  http.on('upgrade', (request, socket: Duplex, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const giveUp = () => {
        givenUp++
        webSocket.close(1013, 'later')
      }
      const { budgetBytes = 1_048_576, patienceMs = 30_000 } = options
      const refine = (error: unknown) => error
      sides.push({
        webSocket,
        socket,
        sink: createSocketSink({
          webSocket,
          socket,
          owner: { giveUp, refine },
          common: {
            budgetBytes,
            patienceMs,
            sent: { payloads: 0, bytes: 0 },
            onGivenUp: () => undefined,
            onLeftCorked: () => leftCorked++,
          },
        }),
      })
    }),
  )
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    turn,
    givenUp: () => givenUp,
    leftCorked: () => leftCorked,
    async connect(): Promise<Side & { readonly client: WebSocket; readonly received: unknown[] }> {
      const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
      const received: unknown[] = []
      client.on('message', (data) => received.push(JSON.parse(String(data))))
      const count = sides.length
      await once(client, 'open')
      await vi.waitFor(() => expect(sides.length).toBeGreaterThan(count))
      const side = sides.at(-1)
      if (side === undefined) throw new Error('There is no socket')
      return { ...side, client, received }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { webSocket } of sides) webSocket.terminate()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

const jsonOf = (id: string) => Buffer.from(JSON.stringify(id))
const payloadOf = (value: unknown) => createPayload(JSON.stringify({ data: value }))
const next = (id: string, value: unknown) => ({ id, type: 'next', payload: { data: value } })

test('frames of any length arrive whole, with the id of each subscriber', async () => {
  await using sockets = await startSockets()
  const { sink, received, client } = await sockets.connect()
  const texts = [0, 1, 60, 76, 77, 78, 300, 65_480, 65_490, 65_500, 70_000, 300_000].map((length) => 'ä'.repeat(length))
  const batch = createPayloadBatch(texts.map(payloadOf))
  const ids = ['1', 'a-long-id-with-"quotes"-and-ö', '2']
  for (const id of ids) sink.write(batch, jsonOf(id))
  await vi.waitFor(() => expect(received).toHaveLength(texts.length * ids.length))
  expect(received).toEqual(ids.flatMap((id) => texts.map((text) => next(id, text))))
  client.terminate()
})

// Fails when ws no longer writes each of its frames whole and at once.
test('frames sent by ws and precomputed frames arrive in call order, at fast and at slow readers', async () => {
  await using sockets = await startSockets({ budgetBytes: 1_000_000_000 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ isDirect: fc.boolean(), length: fc.nat(30_000) }), { minLength: 1, maxLength: 80 }),
      fc.boolean(),
      async (writes, isSlow) => {
        const readers = [await sockets.connect(), await sockets.connect()]
        if (isSlow) readers[0]?.client.pause()
        for (const [index, { isDirect, length }] of writes.entries()) {
          const value = `${index}${'x'.repeat(length)}`
          const batch = createPayloadBatch([payloadOf(value)])
          for (const [number, { sink, webSocket }] of readers.entries())
            if (isDirect) sink.write(batch, jsonOf(`${number}`))
            else {
              webSocket.send(JSON.stringify(next(`${number}`, value)))
              webSocket.ping()
            }
          if (index % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        readers[0]?.client.resume()
        for (const [number, { received, client }] of readers.entries()) {
          await vi.waitFor(() => expect(received).toHaveLength(writes.length))
          expect(received).toEqual(
            writes.map(({ length }, index) => next(`${number}`, `${index}${'x'.repeat(length)}`)),
          )
          client.terminate()
        }
      },
    ),
    { numRuns: 12 },
  )
})

test('a buffer that is still being read is not reused for the next frame', async () => {
  await using sockets = await startSockets({ budgetBytes: 1_000_000_000 })
  const readers = await Promise.all([1, 2, 3].map(() => sockets.connect()))
  readers[0]?.client.pause()
  readers[1]?.client.pause()
  // More than the operating system buffers.
  const values = Array.from({ length: 40 }, (_, index) => `${index}${'y'.repeat(400_000)}`)
  for (const value of values) {
    const batch = createPayloadBatch([payloadOf(value)])
    for (const [number, { sink }] of readers.entries()) sink.write(batch, jsonOf(`${number}`))
  }
  for (const { client } of readers) client.resume()
  for (const [number, { received }] of readers.entries()) {
    await vi.waitFor(() => expect(received).toHaveLength(values.length))
    expect(received).toEqual(values.map((value) => next(`${number}`, value)))
  }
})

test('events of several operations in one turn are sent in one write', async () => {
  await using sockets = await startSockets()
  const { sink, received, client } = await sockets.connect()
  let chunks = 0
  for (const id of ['a', 'b']) sink.opened({ sink, operationId: jsonOf(id), number: 1, leave: () => undefined })
  const { _socket: tcp } = client as unknown as { readonly _socket: NodeJS.ReadableStream }
  tcp.on('data', () => chunks++)
  sockets.turn.schedule(() => sink.write(createPayloadBatch([payloadOf(1)]), jsonOf('a')))
  sockets.turn.schedule(() => sink.write(createPayloadBatch([payloadOf(2), payloadOf(3)]), jsonOf('b')))
  await vi.waitFor(() => expect(received).toHaveLength(3))
  expect(received).toEqual([next('a', 1), next('b', 2), next('b', 3)])
  expect(chunks).toBe(1)
})

test.each([
  ['outside of the end of a turn', (write: () => void) => write()],
  ['in a microtask', (write: () => void) => void Promise.resolve().then(write)],
  ['in the next tick', (write: () => void) => process.nextTick(write)],
  ['in a timer', (write: () => void) => void setTimeout(write, 1)],
  ['in an immediate', (write: () => void) => void setImmediate(write)],
])('flushes what is written %s, and what ws sends after it', async (_, run) => {
  await using sockets = await startSockets()
  const { sink, received, client, webSocket, socket } = await sockets.connect()
  for (const id of ['a', 'b']) sink.opened({ sink, operationId: jsonOf(id), number: 1, leave: () => undefined })
  const written = new Promise<void>((resolve) =>
    run(() => {
      sink.write(createPayloadBatch([payloadOf(1)]), jsonOf('a'))
      webSocket.send(JSON.stringify('by ws'))
      setImmediate(resolve)
    }),
  )
  await written
  expect(socket.writableCorked).toBe(0)
  await vi.waitFor(() => expect(received).toEqual([next('a', 1), 'by ws']))
  client.terminate()
})

test('flushes and reports only a socket that was left corked', async () => {
  await using sockets = await startSockets()
  const { sink, received, client, webSocket, socket } = await sockets.connect()
  sink.flushLeftCorked()
  expect(sockets.leftCorked()).toBe(0)
  // Not with the socket's own method, which the tests watch (test/support/corked-sockets.ts).
  Duplex.prototype.cork.call(socket)
  Duplex.prototype.cork.call(socket)
  webSocket.send(JSON.stringify('held back'))
  sink.flushLeftCorked()
  expect(sockets.leftCorked()).toBe(1)
  await vi.waitFor(() => expect(received).toEqual(['held back']))
  client.terminate()
})

test('is full when its reader stops, and notifies when it has been read', async () => {
  await using sockets = await startSockets({ budgetBytes: 1_048_576 })
  const { sink, received, client } = await sockets.connect()
  client.pause()
  const batch = createPayloadBatch([payloadOf('z'.repeat(50_000))])
  let written = 0
  while (!sink.isFull(batch.bytes)) {
    sink.write(batch, jsonOf('1'))
    if (++written % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  let isDrained = false
  sink.drained(() => {
    isDrained = true
  })
  expect(isDrained).toBe(false)
  client.resume()
  await vi.waitFor(() => expect(isDrained).toBe(true))
  await vi.waitFor(() => expect(received).toHaveLength(written))
  expect(sink.isFull(batch.bytes)).toBe(false)
  expect(sockets.givenUp()).toBe(0)
})

test('closes with 1013 when nothing is read for too long', async () => {
  await using sockets = await startSockets({ patienceMs: 100 })
  const { sink, client } = await sockets.connect()
  client.pause()
  const batch = createPayloadBatch([payloadOf('z'.repeat(50_000))])
  while (!sink.isFull(batch.bytes)) sink.write(batch, jsonOf('1'))
  sink.drained(() => undefined)
  await vi.waitFor(() => expect(sockets.givenUp()).toBe(1))
  client.resume()
  const [code] = (await once(client, 'close')) as [number]
  expect(code).toBe(1013)
})

test('writes nothing once the socket has begun to close', async () => {
  await using sockets = await startSockets()
  const { sink, webSocket, client, received } = await sockets.connect()
  webSocket.close(1012)
  sink.write(createPayloadBatch([payloadOf(1)]), jsonOf('1'))
  const [code] = (await once(client, 'close')) as [number]
  expect(code).toBe(1012)
  expect(received).toEqual([])
})
