import { type Client, createClient, type SubscribePayload } from 'graphql-ws/client'
import { closeCodes } from '../../src/protocol.ts'
import { after } from '../base/environment.ts'
import type { Timing } from '../base/timing.ts'
import { notifyOnce, type Subscriber, type Transport } from './transport.ts'

/** A WebSocket class: the browser's, Node's, or that of the ws package. */
export type WebSocketImplementation = new (url: string, protocols?: string | string[]) => unknown

/** The used part of an open socket. */
interface OpenSocket {
  readonly readyState: number
  send(data: string): void
  close(code: number, reason: string): void
}

const ping = JSON.stringify({ type: 'ping' })
const isOpen = 1

/**
 * The WebSocket transport, with the protocol graphql-transport-ws through the graphql-ws client.
 * That client's own retries, pings and lazy closing are disabled: each connection is one socket and
 * ends with it.
 *
 * A pong, or any other message after the acknowledgement, confirms the connection. The opening of
 * the socket does not: some proxies let sockets open and pass nothing more.
 */
export function createWebSocketTransport(options: {
  readonly url: string
  readonly timing: Timing
  readonly webSocketImpl: WebSocketImplementation | undefined
}): Transport {
  const { timing, webSocketImpl } = options
  const url = options.url.replace(/^http/, 'ws')
  return (listener, token) => {
    let client: Client | undefined
    let socket: OpenSocket | undefined
    let isOpened = false
    let isAcknowledged = false
    let isOver = false
    let pingedAt: number | undefined
    let aliveAt = 0
    let stopPing: () => void = () => undefined
    let stopDeadline: () => void = after(timing.proofMs, () =>
      notifier.lost(
        'silent',
        isOpened ? 'The WebSocket opened, then nothing came through' : 'The WebSocket did not open',
      ),
    )

    const notifier = notifyOnce(listener, () => {
      isOver = true
      stopPing()
      stopDeadline()
      // Sends a close frame where the peer may receive it; `terminate` ends the socket in any case.
      if (socket?.readyState === isOpen) socket.close(closeCodes.normal, 'Left')
      // Without this, the graphql-ws client would open another socket after a close with code 1000.
      Promise.resolve(client?.dispose()).catch(() => undefined)
      client?.terminate()
    })
    const sendPing = (): void => {
      stopPing()
      if (!isAcknowledged || socket?.readyState !== isOpen) return
      // A pending ping already has the earlier deadline.
      if (pingedAt !== undefined) return
      pingedAt = Date.now()
      socket.send(ping)
      awaitPong(timing.pongMs)
    }
    const awaitPong = (ms: number): void => {
      stopDeadline()
      const askedAt = pingedAt ?? 0
      stopDeadline = after(ms, () => {
        // The pong may be queued behind a long backlog: as long as anything arrives, the peer is
        // alive.
        if (aliveAt > askedAt && Date.now() - aliveAt < timing.pongMs) awaitPong(timing.pongMs)
        else if (aliveAt === 0) notifier.lost('silent', 'The WebSocket opened, then nothing came through')
        else {
          const seconds = Math.round((Date.now() - aliveAt) / 1_000)
          notifier.lost('silent', `The WebSocket has gone silent: nothing came for ${seconds} s`)
        }
      })
    }
    const onData = (roundTripMs?: number): void => {
      aliveAt = Date.now()
      notifier.alive(roundTripMs)
      notifier.confirmed()
    }

    try {
      client = createClient({
        url,
        lazy: false,
        retryAttempts: 0,
        shouldRetry: () => false,
        // Reported by `closed`.
        onNonLazyError: () => undefined,
        ...(webSocketImpl === undefined ? {} : { webSocketImpl }),
        ...(token === null ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
        on: {
          opened(opened) {
            socket = opened as OpenSocket
            isOpened = true
          },
          connected() {
            isAcknowledged = true
            sendPing()
          },
          message() {
            // The acknowledgement does not count: it may get through where nothing else does.
            if (isAcknowledged) onData()
          },
          pong(isReceived) {
            if (!isReceived || pingedAt === undefined) return
            const roundTripMs = Date.now() - pingedAt
            pingedAt = undefined
            stopDeadline()
            stopPing = after(timing.pingMs, sendPing)
            onData(roundTripMs)
          },
          closed(event) {
            const { code = 0, reason = '' } = event as { readonly code?: number; readonly reason?: string }
            notifyClose(code, reason)
          },
        },
      })
    } catch (error) {
      // Thrown where WebSocket is missing or a page may not use it. Reported later, like every
      // other failure.
      queueMicrotask(() => notifier.lost('failed', `There is no WebSocket: ${String(error)}`))
    }
    const notifyClose = (code: number, reason: string): void => {
      const words = reason || `The WebSocket was closed (${code})`
      if (code === closeCodes.unauthorized) notifier.refused(words)
      else if (code === closeCodes.expired) notifier.expired(words)
      else if (code === closeCodes.restart || code === closeCodes.tryAgainLater) notifier.lost('busy', words)
      else notifier.lost('failed', words)
    }

    let stopTrial: () => void = () => undefined
    const attach = (subscriber: Subscriber): (() => void) => {
      let isAttached = true
      const { query, ...rest } = subscriber.body()
      const payload: SubscribePayload = { query, ...(rest as Omit<SubscribePayload, 'query'>) }
      const unsubscribe = client?.subscribe<Record<string, unknown>>(payload, {
        next(result) {
          if (isAttached && subscriber.next(result as never)) finish()
        },
        error(errors) {
          // Everything other than GraphQL errors ends the socket, which `closed` reports.
          if (!isAttached || isOver || !Array.isArray(errors)) return
          subscriber.next({ errors })
          finish()
        },
        complete() {
          if (isAttached && !isOver) finish()
        },
      })
      const detach = (): void => {
        isAttached = false
        // Deferred: the server's own `complete` may directly follow the message being read, and the
        // graphql-ws client would then count this subscription as released twice, and close the
        // socket under the other subscriptions.
        if (unsubscribe !== undefined) after(0, unsubscribe)
      }
      const finish = (): void => {
        detach()
        subscriber.complete()
      }
      return detach
    }
    return {
      attach(subscriber) {
        stopTrial()
        return attach(subscriber)
      },
      confirm(trial) {
        // Pings confirm the connection. The trial operation adds the usual load; its results are
        // dropped, as the connection in use delivers them.
        if (trial !== null) stopTrial = attach({ body: () => trial, next: () => false, complete: () => undefined })
      },
      check: sendPing,
      canAnswer: true,
      heartbeatMs: null,
      close: () => void notifier.end(),
    }
  }
}
