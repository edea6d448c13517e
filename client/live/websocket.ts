import { type Client, createClient, type SubscribePayload } from 'graphql-ws/client'
import { closeCodes } from '../../src/protocol.ts'
import { after } from './environment.ts'
import type { Timing } from './timing.ts'
import { type Subscriber, type Transport, tellOnce } from './transport.ts'

/** What is used of a WebSocket class: the browser's, Node's, or that of the package ws. */
export type WebSocketImplementation = new (url: string, protocols?: string | string[]) => unknown

/** What is used of an open socket. */
interface OpenSocket {
  readonly readyState: number
  send(data: string): void
  close(code: number, reason: string): void
}

const ping = JSON.stringify({ type: 'ping' })
const isOpen = 1

/**
 * WebSocket, in the protocol graphql-transport-ws through the client of graphql-ws. That client's own retries, pings and
 * lazy closing are turned off: each session is one socket and ends with it.
 *
 * It proves itself by an answered ping, not by having been opened: there are proxies that let sockets open and nothing more.
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
    let heardAt = 0
    let stopPing: () => void = () => undefined
    let stopDeadline: () => void = after(timing.proofMs, () =>
      tell.lost('silent', isOpened ? 'The WebSocket opened, then nothing came through' : 'The WebSocket did not open'),
    )

    const tell = tellOnce(listener, () => {
      isOver = true
      stopPing()
      stopDeadline()
      // Said politely where there is someone to hear it; `terminate` makes an end of it in any case.
      if (socket?.readyState === isOpen) socket.close(closeCodes.normal, 'Left')
      // Without this the client of graphql-ws would open another socket after a close with code 1000.
      Promise.resolve(client?.dispose()).catch(() => undefined)
      client?.terminate()
    })
    const sendPing = (): void => {
      stopPing()
      if (!isAcknowledged || socket?.readyState !== isOpen) return
      // One that is under way already has the earlier deadline.
      if (pingedAt !== undefined) return
      pingedAt = Date.now()
      socket.send(ping)
      awaitPong(timing.pongMs)
    }
    const awaitPong = (ms: number): void => {
      stopDeadline()
      const askedAt = pingedAt ?? 0
      stopDeadline = after(ms, () => {
        // The answer may stand behind a long backlog: as long as anything arrives, the other end lives.
        if (heardAt > askedAt && Date.now() - heardAt < timing.pongMs) awaitPong(timing.pongMs)
        else if (heardAt === 0) tell.lost('silent', 'The WebSocket opened, then nothing came through')
        else {
          const seconds = Math.round((Date.now() - heardAt) / 1_000)
          tell.lost('silent', `The WebSocket has gone silent: nothing came for ${seconds} s`)
        }
      })
    }
    const heard = (roundTripMs?: number): void => {
      heardAt = Date.now()
      tell.heard(roundTripMs)
      tell.proved()
    }

    try {
      client = createClient({
        url,
        lazy: false,
        retryAttempts: 0,
        shouldRetry: () => false,
        // Told by `closed`.
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
            // The acknowledgement alone comes through where nothing else does.
            if (isAcknowledged) heard()
          },
          pong(isReceived) {
            if (!isReceived || pingedAt === undefined) return
            const roundTripMs = Date.now() - pingedAt
            pingedAt = undefined
            stopDeadline()
            stopPing = after(timing.pingMs, sendPing)
            heard(roundTripMs)
          },
          closed(event) {
            const { code = 0, reason = '' } = event as { readonly code?: number; readonly reason?: string }
            tellClose(code, reason)
          },
        },
      })
    } catch (error) {
      // Thrown where there is no WebSocket, or where a page may not use it. Told later, as every other failure.
      queueMicrotask(() => tell.lost('failed', `There is no WebSocket: ${String(error)}`))
    }
    const tellClose = (code: number, reason: string): void => {
      const words = reason || `The WebSocket was closed (${code})`
      if (code === closeCodes.unauthorized) tell.refused(words)
      else if (code === closeCodes.expired) tell.expired(words)
      else if (code === closeCodes.restart || code === closeCodes.tryAgainLater) tell.lost('busy', words)
      else tell.lost('failed', words)
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
          // Anything but GraphQL's errors is the end of the socket, which `closed` tells.
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
        // Not at once: the server's own `complete` may stand right behind the message that is being read, and the client of
        // graphql-ws would count this subscription as left twice, and close the socket under the others.
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
      prove(scout) {
        // The pings prove that it works; the results, which belong to the transport in use, bring the usual load upon it.
        if (scout !== null) stopTrial = attach({ body: () => scout, next: () => false, complete: () => undefined })
      },
      check: sendPing,
      canAnswer: true,
      heartbeatMs: null,
      close: () => void tell.end(),
    }
  }
}
