import { type RawData, WebSocket } from 'ws'
import { isRetryable, type SubscriptionResult } from '../rig/recorder.ts'
import { requestOf, type WatchedTopic } from './documents.ts'
import type { SubscriberClient, SubscriberOptions } from './subscriber.ts'

const maxBackoffMs = 1_000
const pingMs = 2_000
const silentMs = 4_000

interface Watch {
  readonly sub: string
  readonly topic: WatchedTopic
  cursor: string | undefined
}
interface Message {
  readonly id?: string
  readonly type: string
  readonly payload?: unknown
}

/**
 * Creates the smallest client that the protocol allows: graphql-transport-ws over the package `ws`,
 * with a cursor per subscription. It reconnects to any of the servers.
 */
export function createRawWebSocketSubscriber(options: SubscriberOptions): SubscriberClient {
  const { kind, name, urls, recorder, random } = options
  const watches = new Map<string, Watch>()
  let socket: WebSocket | undefined
  let isReady = false
  let isClosed = false
  let failures = 0
  let lastAt = 0
  let timer: NodeJS.Timeout | undefined

  const send = (message: object): void => socket?.send(JSON.stringify(message))
  const subscribe = (id: string, { topic, cursor }: Watch): void =>
    send({ id, type: 'subscribe', payload: requestOf(topic, cursor) })
  const onMessage = ({ id = '', type, payload }: Message): void => {
    lastAt = performance.now()
    if (type === 'connection_ack') {
      isReady = true
      for (const [key, watch] of watches) subscribe(key, watch)
    }
    const watch = watches.get(id)
    if (watch === undefined) return
    if (type === 'next') {
      failures = 0
      const result = payload as SubscriptionResult
      watch.cursor = recorder.result(watch.sub, result) ?? watch.cursor
      return
    }
    const errors = payload as SubscriptionResult['errors']
    if (type === 'error' && isRetryable(errors)) {
      setTimeout(() => {
        if (isReady && watches.get(id) === watch) subscribe(id, watch)
      }, 1_000)
      return
    }
    watches.delete(id)
    if (type === 'complete') recorder.ended(watch.sub, 'complete')
    else recorder.result(watch.sub, { errors: errors ?? [] })
  }
  const connect = (): void => {
    const opened = new WebSocket(`${random.pick(urls).replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    socket = opened
    lastAt = performance.now()
    opened.on('open', () => send({ type: 'connection_init' }))
    opened.on('message', (data: RawData) => {
      if (opened === socket) onMessage(JSON.parse(String(data)) as Message)
    })
    opened.on('pong', () => {
      lastAt = performance.now()
    })
    opened.on('error', () => undefined)
    opened.on('close', () => {
      if (opened !== socket) return
      isReady = false
      socket = undefined
      if (!isClosed) timer = setTimeout(connect, random.next() * Math.min(maxBackoffMs, 50 * 2 ** failures++))
    })
  }
  const heartbeat = setInterval(() => {
    if (socket === undefined) return
    if (performance.now() - lastAt > silentMs) socket.terminate()
    else if (socket.readyState === WebSocket.OPEN) socket.ping()
  }, pingMs)
  connect()
  return {
    kind,
    name,
    watch(sub, topic) {
      const watch: Watch = { sub, topic, cursor: undefined }
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: topic.from, hasCursor: true })
      watches.set(sub, watch)
      if (isReady) subscribe(sub, watch)
      return () => {
        recorder.ended(sub, 'stopped')
        if (watches.delete(sub) && isReady) send({ id: sub, type: 'complete' })
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      clearInterval(heartbeat)
      clearTimeout(timer)
      socket?.terminate()
    },
  }
}
