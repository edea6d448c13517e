import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { open, startTestServer, subscribe, until } from '../support.ts'

const flood = 'subscription { flood(bytes: 10000) }'
const watch = 'subscription ($id: ID!) { watch(taskId: $id) { seq type } }'

/** Waits until nothing more is produced: the unread data fills all buffers up to the source. */
async function untilStill(): Promise<number> {
  let last = -1
  await until(
    () => {
      const now = open.produced
      const isStill = now === last
      last = now
      expect(isStill).toBe(true)
    },
    { interval: 200 },
  )
  return last
}

test('a WebSocket that stops reading stops its source, without affecting other sockets', async () => {
  await using fixture = await startTestServer()
  // Other files of this process count here, too.
  const before = open.produced
  const { body } = await fixture.post('mutation { start(steps: 5) }')
  await using neighbour = subscribe(fixture.client(), watch, { id: body.data?.['start'] })
  const slow = new WebSocket(fixture.server.wsUrl, 'graphql-transport-ws')
  slow.on('open', () => {
    slow.send(JSON.stringify({ type: 'connection_init' }))
  })
  slow.once('message', () => {
    for (let id = 1; id <= 5; id++)
      slow.send(JSON.stringify({ type: 'subscribe', id: `${id}`, payload: { query: flood } }))
    slow.pause()
  })
  await until(() => expect(open.floods).toBe(5))
  const produced = await untilStill()
  // The capacity of the operating system's buffers, and one message of each operation.
  expect((produced - before) * 10_000).toBeLessThan(20_000_000)
  fixture.steps.step(5)
  expect(await neighbour.ended).toBe('complete')
  slow.resume()
  await until(() => expect(open.produced).toBeGreaterThan(produced + 100))
  slow.terminate()
  await until(() => expect(open.floods).toBe(0))
  expect(fixture.server.metrics.subscriptions.size).toBe(0)
})

test('an unread event stream stops its source, and returns it when it is cut', async () => {
  await using fixture = await startTestServer()
  const socket = connect(fixture.server.port, '127.0.0.1')
  socket.pause()
  const path = `/graphql?query=${encodeURIComponent(flood)}`
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`)
  await until(() => expect(open.floods).toBe(1))
  const produced = await untilStill()
  socket.resume()
  await until(() => expect(open.produced).toBeGreaterThan(produced + 100))
  socket.destroy()
  await until(() => expect(open.floods).toBe(0))
  expect(fixture.server.connections.size).toBe(0)
})

test('messages of a socket that does not read its responses are not read meanwhile', async () => {
  // Pongs are not read either: no ping may be due while a slow machine answers all of it.
  await using fixture = await startTestServer({
    environment: {
      MAX_SOCKET_BUFFER_BYTES: '16384',
      MAX_SOCKET_WORK: '1000000000',
      MAX_VIEWER_WORK: '1000000000',
      MAX_ADDRESS_WORK: '1000000000',
    },
    keepAliveMs: 3_600_000,
  })
  const greedy = new WebSocket(fixture.server.wsUrl, 'graphql-transport-ws')
  const answers = new Set<string>()
  greedy.on('open', () => greedy.send(JSON.stringify({ type: 'connection_init' })))
  await new Promise((resolve) => greedy.once('message', resolve))
  greedy.on('message', (data) => answers.add((JSON.parse(String(data)) as { id: string }).id))
  greedy.pause()
  const query = `{ hello(name: "${'x'.repeat(10_000)}") }`
  for (let id = 0; id < 5_000; id++) greedy.send(JSON.stringify({ type: 'subscribe', id: `${id}`, payload: { query } }))
  // Far more than the buffers of both sides hold: the server must have left most of it in the
  // network.
  await until(() => expect(greedy.bufferedAmount).toBeGreaterThan(10_000_000))
  greedy.resume()
  await until(() => expect(answers.size).toBe(5_000))
  greedy.terminate()
})
