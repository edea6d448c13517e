/** The load generator: a separate process, controlled by `run.ts`. */
import { randomUUID } from 'node:crypto'
import { type LoadCommand, type LoadReport, query } from './protocol.ts'
import { openWire, type Wire } from './wire.ts'

interface Subscriber {
  wire: Wire | undefined
  /** Events received since it was connected, without the first snapshot. */
  events: number
  isSubscribed: boolean
  readonly topic: number
  id: string
}

const report = (message: LoadReport): void => {
  process.send?.(message, () => undefined)
}
let subscribers: Subscriber[] = []
let received = 0
let receivedBytes = 0
let closed = 0
let latencies: number[] | undefined
let awaited: { readonly count: number; left: Set<Subscriber>; resolve: () => void } | undefined
/** The last cursor of each topic. */
const cursors = new Map<number, string>()
let isKeepingCursors = false

const stampOf = Buffer.from('t=')
const cursorOf = Buffer.from('"cursor":"')
const snapshotOf = Buffer.from('"TaskSnapshot"')

function count(subscriber: Subscriber, chunk: Buffer, start: number, end: number): void {
  received++
  receivedBytes += end - start
  subscriber.events++
  if (latencies !== undefined) {
    const at = chunk.indexOf(stampOf, start) + 2
    const sentAt = chunk.toString('latin1', at, chunk.indexOf(0x3d, at))
    latencies.push(Number(process.hrtime.bigint() - BigInt(sentAt)) / 1e6)
  }
  if (isKeepingCursors) keepCursor(subscriber, chunk, start)
  if (awaited !== undefined && subscriber.events >= awaited.count && awaited.left.delete(subscriber)) {
    if (subscriber.events > awaited.count) throw new Error(`${subscriber.events} events instead of ${awaited.count}`)
    if (awaited.left.size === 0) awaited.resolve()
  }
}

function keepCursor({ topic }: Subscriber, chunk: Buffer, start: number): void {
  const at = chunk.indexOf(cursorOf, start) + cursorOf.length
  cursors.set(topic, chunk.toString('latin1', at, chunk.indexOf(0x22, at)))
}

/** Opens a socket and resolves when it is subscribed, as far as its protocol reports that. */
async function subscribe(
  { port, dialect, tasks, resume = false, isStopped = false }: LoadCommand & { readonly is: 'connect' },
  subscriber: Subscriber,
): Promise<void> {
  const { topic } = subscriber
  let isReady: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    isReady = resolve
  })
  const subscribed = (): void => {
    if (subscriber.isSubscribed) return
    subscriber.isSubscribed = true
    if (isStopped) subscriber.wire?.socket.pause()
    isReady()
  }
  const onControl = (text: string): boolean => {
    if (dialect === 'socketio') {
      if (text.startsWith('42')) return false
      if (text.startsWith('0')) subscriber.wire?.sendText('40')
      else if (text === '2') subscriber.wire?.sendText('3')
      else if (text.startsWith('40')) subscribed()
      return true
    }
    if (text.includes('"connection_ack"')) {
      const after = resume ? cursors.get(topic) : undefined
      const taskId = tasks?.[topic] ?? `t_${topic}`
      subscriber.wire?.sendText(
        JSON.stringify({ id: subscriber.id, type: 'subscribe', payload: { query, variables: { taskId, after } } }),
      )
      // The protocol does not confirm a subscription without a snapshot.
      if (resume || tasks === undefined) subscribed()
      return true
    }
    return false
  }
  const wire = await openWire({
    port,
    path: dialect === 'graphql' ? '/graphql' : `/socket.io/?EIO=4&transport=websocket&topic=${topic}`,
    protocol: dialect === 'graphql' ? 'graphql-transport-ws' : undefined,
    listener: {
      onText(chunk, start, end) {
        if (dialect !== 'bare' && end - start < 300 && onControl(chunk.toString('latin1', start, end))) return
        if (!subscriber.isSubscribed && chunk.includes(snapshotOf)) {
          keepCursor(subscriber, chunk, start)
          return subscribed()
        }
        count(subscriber, chunk, start, end)
      },
      onClose() {
        closed++
      },
    },
  })
  subscriber.wire = wire
  if (dialect === 'graphql') wire.sendText('{"type":"connection_init"}')
  if (dialect === 'bare') subscribed()
  await ready
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function handle(command: LoadCommand): Promise<void> {
  switch (command.is) {
    case 'connect': {
      const startedAt = performance.now()
      const fresh = Array.from({ length: command.sockets }, (_, index) => ({
        wire: undefined,
        events: 0,
        isSubscribed: false,
        topic: (command.firstTopic ?? 0) + (index % command.topics),
        id: randomUUID(),
      }))
      if (command.isStopped !== true) subscribers.push(...fresh)
      const queue = fresh.values()
      await Promise.all(
        Array.from({ length: command.concurrency }, async () => {
          for (const subscriber of queue) await subscribe(command, subscriber)
        }),
      )
      return report({ is: 'connected', ms: performance.now() - startedAt, sockets: fresh.length })
    }
    case 'count': {
      const before = { received, receivedBytes, at: performance.now() }
      await sleep(command.ms)
      const ms = performance.now() - before.at
      return report({
        is: 'counted',
        count: received - before.received,
        bytes: receivedBytes - before.receivedBytes,
        ms,
      })
    }
    case 'latency': {
      latencies = []
      await sleep(command.ms)
      const sorted = latencies.sort((a, b) => a - b)
      latencies = undefined
      return report({
        is: 'latencies',
        count: sorted.length,
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        p999: quantile(sorted, 0.999),
      })
    }
    case 'await': {
      const startedAt = performance.now()
      const left = new Set(subscribers.filter(({ events }) => events < command.count))
      isKeepingCursors = true
      if (left.size > 0)
        await new Promise<void>((resolve) => {
          awaited = { count: command.count, left, resolve }
        })
      awaited = undefined
      isKeepingCursors = false
      return report({ is: 'arrived', ms: performance.now() - startedAt, closed })
    }
    case 'disconnect':
      for (const { wire } of subscribers) wire?.close()
      subscribers = []
      closed = 0
      await sleep(300)
      return report({ is: 'disconnected' })
  }
}

let told = 0
setInterval(() => {
  if (received === told) return
  told = received
  report({ is: 'received', count: received })
}, 4)
process.on('message', (command: LoadCommand) => {
  handle(command).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
process.on('disconnect', () => process.exit())
