import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createTcpProxy } from '../support/proxy.ts'

/** Starts an echo server behind a proxy, and one client of it. */
async function setUp() {
  await using undo = new AsyncDisposableStack()
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.defer(() => void server.close())
  const address = server.address()
  const proxy = undo.use(await createTcpProxy(typeof address === 'object' ? (address?.port ?? 0) : 0))
  const opened = undo.move()
  const dial = async () => {
    const client = connect(proxy.port, '127.0.0.1')
    await once(client, 'connect')
    return Object.assign(client, { received: collect(client), ended: closing(client) })
  }
  return { proxy, dial, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Unlike `once`, also resolves when it closes because of an error. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()))
}

function collect(socket: Socket): () => string {
  let text = ''
  socket.on('error', () => undefined)
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}

test('forwards everything, both ways, and counts', async () => {
  await using set = await setUp()
  const client = await set.dial()
  client.end('hello')
  await client.ended
  expect(client.received()).toBe('hello')
  await expect.poll(() => set.proxy.open).toBe(0)
  expect(set.proxy.accepted).toBe(1)
  expect(set.proxy.passedBytes).toEqual({ toClient: 5, toServer: 5 })
})

test('cuts a connection after exactly the given number of bytes', async () => {
  await using set = await setUp()
  set.proxy.cutAfter(3, 'toClient')
  const client = await set.dial()
  client.write('hello')
  await client.ended
  expect(client.received()).toBe('hel')
})

test('keeps data sent during a stall, and forwards it afterwards', async () => {
  await using set = await setUp()
  const client = await set.dial()
  client.write('a')
  await expect.poll(client.received).toBe('a')
  set.proxy.stall()
  client.write('b')
  const late = await set.dial()
  late.write('c')
  await new Promise(setImmediate)
  expect([client.received(), late.received()]).toEqual(['a', ''])
  set.proxy.resume()
  await expect.poll(client.received).toBe('ab')
  await expect.poll(late.received).toBe('c')
})

test('turns open connections half open and leaves new ones healthy', async () => {
  await using set = await setUp()
  const client = await set.dial()
  client.write('a')
  await expect.poll(client.received).toBe('a')
  set.proxy.halfOpen()
  client.write('b')
  const healthy = await set.dial()
  healthy.write('c')
  await expect.poll(healthy.received).toBe('c')
  expect(client.received()).toBe('a')
  expect(client.destroyed).toBe(false)
})

test('refuses new connections and accepts them again on the same port', async () => {
  await using set = await setUp()
  const client = await set.dial()
  set.proxy.refuse()
  await expect(set.dial()).rejects.toThrow('ECONNREFUSED')
  client.write('a')
  await expect.poll(client.received).toBe('a')
  await set.proxy.accept()
  const next = await set.dial()
  next.write('b')
  await expect.poll(next.received).toBe('b')
})

test('resets all open connections', async () => {
  await using set = await setUp()
  const client = await set.dial()
  const failed = once(client, 'error')
  client.write('a')
  await expect.poll(client.received).toBe('a')
  set.proxy.resetAll()
  await expect(failed).resolves.toMatchObject([{ code: 'ECONNRESET' }])
  expect(set.proxy.open).toBe(0)
})
