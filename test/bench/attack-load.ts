/**
 * The attacker of `npm run attacks`, in a process of its own: sends the messages of one attack at a
 * rate, from 127.0.0.2, to the given ports in turn, and prints the number sent. Its latency does not
 * matter, so it may share a core with the bystander.
 */
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { attacks } from './attacks-list.ts'

const [name, portTexts = '', secondsText = '', token = ''] = process.argv.slice(2)
const attack = attacks.find((one) => one.name === name)
if (attack === undefined) throw new Error(`There is no attack "${name ?? ''}"`)
const ports = portTexts.split(',').map(Number)
const portOf = (index: number): number => ports[index % ports.length] ?? 0
const seconds = Number(secondsText)
const localAddress = '127.0.0.2'
const tickMs = 20
const maxQueuedBytes = 4_194_304
/** Other numbers in each run: a server caches a document that it receives for the second time. */
const firstIndex = Date.now()

let sent = 0
let refused = 0
const codes = new Map<string, number>()
const count = (code: string | number): void => void codes.set(String(code), (codes.get(String(code)) ?? 0) + 1)

/** Sends messages over WebSockets, which are opened again when the server closes them. */
function floodSockets({
  sockets,
  isAuthenticated,
  message,
  perSecond,
}: Extract<(typeof attacks)[number], { over: 'ws' }>) {
  const open = (index: number): { socket: WebSocket; isReady: boolean } => {
    const socket = new WebSocket(`ws://127.0.0.1:${portOf(index)}/graphql`, 'graphql-transport-ws', { localAddress })
    const slot = { socket, isReady: false }
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'connection_init', payload: isAuthenticated ? { token } : {} }))
    })
    // The acknowledgement.
    socket.once('message', () => {
      slot.isReady = true
    })
    socket.on('error', () => refused++)
    socket.on('close', (code) => count(code))
    return slot
  }
  const slots = Array.from({ length: Math.max(sockets, ports.length) }, (_, index) => open(index))
  let next = 0
  return (): void => {
    for (let left = (perSecond * tickMs) / 1_000; left > 0; left--) {
      next = (next + 1) % slots.length
      const slot = slots[next]
      if (slot === undefined) return
      const { readyState, bufferedAmount } = slot.socket
      if (readyState === WebSocket.CLOSED && Math.random() < 0.05) slots[next] = open(next)
      // A server that does not read stops the attack, as TCP would.
      if (!slot.isReady || readyState !== WebSocket.OPEN || bufferedAmount > maxQueuedBytes) continue
      slot.socket.send(message(firstIndex + sent))
      sent++
    }
  }
}

/** Sends requests over kept connections. */
function floodRequests({ isAuthenticated, body, perSecond }: Extract<(typeof attacks)[number], { over: 'http' }>) {
  const open = (index: number): Socket => {
    const socket = connect({ port: portOf(index), host: '127.0.0.1', localAddress })
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) count(status ?? '')
    })
    socket.on('error', () => refused++)
    return socket
  }
  const sockets = Array.from({ length: 20 }, (_, index) => open(index))
  let credit = 0
  let next = 0
  return (): void => {
    for (credit += (perSecond * tickMs) / 1_000; credit >= 1; credit--) {
      next = (next + 1) % sockets.length
      let socket = sockets[next]
      if (socket === undefined || socket.destroyed || socket.writableEnded) {
        socket = open(next)
        sockets[next] = socket
      }
      if (socket.writableLength > maxQueuedBytes) continue
      const text = body(firstIndex + sent)
      const head = [
        'POST /graphql HTTP/1.1',
        `Host: 127.0.0.1:${portOf(next)}`,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(text)}`,
        ...(isAuthenticated ? [`Authorization: Bearer ${token}`] : []),
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n${text}`)
      sent++
    }
  }
}

const tick = attack.over === 'ws' ? floodSockets(attack) : floodRequests(attack)
const timer = setInterval(tick, tickMs)
setTimeout(() => {
  clearInterval(timer)
  process.stdout.write(`${JSON.stringify({ sent, refused, codes: Object.fromEntries(codes) })}\n`, () => process.exit())
}, seconds * 1_000)
