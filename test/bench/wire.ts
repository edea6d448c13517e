import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** The callbacks of a connection of the load generator. */
export interface WireListener {
  /** The whole of the payload lies in `chunk` between the two offsets. Text frames only. */
  onText(chunk: Buffer, start: number, end: number): void
  onClose(code: number): void
}

/** One WebSocket of the load generator. */
export interface Wire {
  readonly socket: Socket
  sendText(text: string): void
  close(): void
}

const mask = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3])

/** Creates a client's frame: masked, as RFC 6455 requires of clients. */
function encode(opcode: number, payload: Buffer): Buffer {
  const extended = payload.length < 126 ? 0 : 2
  const frame = Buffer.allocUnsafe(6 + extended + payload.length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (extended === 0 ? payload.length : 126)
  if (extended > 0) frame.writeUInt16BE(payload.length, 2)
  mask.copy(frame, 2 + extended)
  for (let i = 0; i < payload.length; i++) frame[6 + extended + i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0)
  return frame
}

/**
 * Opens a WebSocket with as little work as possible, so that the server is measured: frames are
 * found by their headers, and only the needed ones are decoded.
 *
 * @throws Error when the server refuses the upgrade
 */
export async function openWire(options: {
  readonly port: number
  readonly path: string
  readonly protocol?: string | undefined
  readonly listener: WireListener
}): Promise<Wire> {
  const { port, path, protocol, listener } = options
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let rest: Buffer | undefined
  let isUpgraded = false

  const answerControl = (opcode: number, payload: Buffer): void => {
    if (opcode === 0x9) socket.write(encode(0xa, payload))
    else if (opcode === 0x8) {
      socket.end(encode(0x8, payload))
      listener.onClose(payload.length >= 2 ? payload.readUInt16BE(0) : 1005)
    }
  }
  const readFrames = (chunk: Buffer): void => {
    const data = rest === undefined ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (at + 2 <= data.length) {
      const first = data[at] ?? 0
      let length = (data[at + 1] ?? 0) & 127
      let header = 2
      if (length === 126) {
        if (at + 4 > data.length) break
        length = data.readUInt16BE(at + 2)
        header = 4
      } else if (length === 127) {
        if (at + 10 > data.length) break
        length = data.readUInt32BE(at + 6)
        header = 10
      }
      const end = at + header + length
      if (end > data.length) break
      const opcode = first & 15
      if (opcode === 1) listener.onText(data, at + header, end)
      else answerControl(opcode, Buffer.from(data.subarray(at + header, end)))
      at = end
    }
    rest = at === data.length ? undefined : Buffer.from(data.subarray(at))
  }

  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('close', () => {
      if (isUpgraded) listener.onClose(1006)
      else reject(new Error('The server closed the connection before it was upgraded'))
    })
    socket.on('data', (chunk: Buffer) => {
      if (isUpgraded) return readFrames(chunk)
      const head = rest === undefined ? chunk : Buffer.concat([rest, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) {
        rest = head
        return
      }
      const status = head.toString('latin1', 9, 12)
      if (status !== '101') return reject(new Error(`The server answered the upgrade with ${status}`))
      isUpgraded = true
      rest = undefined
      socket.removeAllListeners('error')
      socket.on('error', () => undefined)
      resolve()
      if (end + 4 === head.length) return
      // Read once the caller has its wire, as it may want to answer.
      rest = Buffer.from(head.subarray(end + 4))
      setImmediate(() => readFrames(Buffer.alloc(0)))
    })
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
        `${protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`}\r\n`,
    )
  })
  return {
    socket,
    sendText: (text) => socket.write(encode(1, Buffer.from(text))),
    close: () => socket.destroy(),
  }
}
