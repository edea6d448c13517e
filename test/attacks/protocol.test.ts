import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, type ServerFixture, startTestServer } from '../server/support.ts'

let fixture: ServerFixture
beforeAll(async () => {
  fixture = await startTestServer()
})
afterAll(() => fixture[Symbol.asyncDispose]())

/** Sends bytes as they are, and returns all that comes back. */
async function exchange(bytes: string): Promise<string> {
  const socket = connect(fixture.server.port, '127.0.0.1')
  socket.write(bytes, 'latin1')
  let text = ''
  try {
    for await (const part of socket.setEncoding('latin1')) text += part
  } catch {
    // A reset after the answer.
  }
  return text
}

describe('ambiguous requests are refused, and end their connection', () => {
  const body = '{"query":"{ hello }"}'
  const head = 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  test.each([
    ['two lengths', `${head}Content-Length: ${body.length}\r\nContent-Length: 5\r\n\r\n${body}`],
    ['a length and chunks', `${head}Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an odd transfer encoding', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${head}X: a\r\n b\r\nContent-Length: ${body.length}\r\n\r\n${body}`],
    ['a blank before the colon', `${head}Content-Length : ${body.length}\r\n\r\n${body}`],
    ['a chunk size that is no number', `${head}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n`],
    ['no host', `POST /graphql HTTP/1.1\r\nContent-Length: 0\r\n\r\n`],
    ['a bare line feed', `GET /graphql HTTP/1.1\nHost: localhost\nX: a\rb\n\n`],
  ])('%s', async (_what, bytes) => {
    expect(await exchange(bytes)).toMatch(/^HTTP\/1\.1 400 /)
  })
})

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
])('a body compressed with %s is not expanded', async (encoding, compress) => {
  const body = compress(Buffer.from(JSON.stringify({ query: `{ hello } #${'x'.repeat(1_000_000)}` })))
  const response = await fetch(`${fixture.server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': encoding },
    body: new Uint8Array(body),
  })
  expect(response.status).toBe(400)
  await response.body?.cancel()
})

describe('frames that violate the protocol', () => {
  const upgrade = async (extra = ''): Promise<{ socket: Socket; head: string }> => {
    const socket = connect(fixture.server.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(
      `GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n${extra}\r\n`,
    )
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    return { socket, head: bytes.toString('latin1') }
  }
  /** Returns the code of the close frame. */
  const codeOf = async (frame: readonly number[]): Promise<number> => {
    const { socket } = await upgrade()
    const answer = once(socket, 'data') as Promise<[Buffer]>
    socket.write(Buffer.from(frame))
    const [bytes] = await answer
    socket.destroy()
    expect(bytes[0]).toBe(0x88)
    return bytes.readUInt16BE(2)
  }
  const masked = (first: number, payload: readonly number[]): readonly number[] => [
    first,
    0x80 | payload.length,
    0,
    0,
    0,
    0,
    ...payload,
  ]
  test.each([
    ['text that is not UTF-8', masked(0x81, [0xc3, 0x28]), 1007],
    ['half a surrogate', masked(0x81, [0xed, 0xa0, 0x80]), 1007],
    ['an unknown opcode', masked(0x83, []), 1002],
    ['an unknown control frame', masked(0x8b, []), 1002],
    ['compression that was not negotiated', masked(0xc1, [0x61]), 1002],
    ['a frame without a mask', [0x81, 0x01, 0x61], 1002],
    ['a continuation of nothing', masked(0x80, [0x61]), 1002],
    ['a ping in fragments', masked(0x09, []), 1002],
    ['a close code that does not exist', masked(0x88, [0x03, 0xec]), 1002],
  ])('%s close their socket, and no other', async (_what, frame, code) => {
    const client = fixture.client()
    expect(await ask(client, '{ hello }')).toHaveProperty('data')
    expect(await codeOf(frame)).toBe(code)
    expect(await ask(client, '{ hello }')).toHaveProperty('data')
    await client.dispose()
  })

  test('compression of messages is not negotiated', async () => {
    const { socket, head } = await upgrade('Sec-WebSocket-Extensions: permessage-deflate\r\n')
    socket.destroy()
    expect(head).toMatch(/^HTTP\/1\.1 101 /)
    expect(head.toLowerCase()).not.toContain('permessage-deflate')
  })
})
