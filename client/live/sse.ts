import { createWatchdog, type HttpOptions, messageOf, post, tellStatus } from './http.ts'
import { createPollingTransport } from './polling.ts'
import { isEventStream, readRefusal, readResults } from './results.ts'
import { type RequestBody, type Session, type Subscriber, type Transport, tellOnce } from './transport.ts'

/** Browsers open six HTTP/1.1 connections to a server, over all tabs; requests must find one that is free. */
const maxEventStreams = 3

/**
 * Event streams: one request per subscription (`distinct connections` of GraphQL over SSE), read with `fetch`, which, other
 * than EventSource, sends headers and shows the server's comments. They are its heartbeat: a stream that is silent for
 * longer than `silenceMs` is dead, and one on which nothing comes within `proofMs` is held back by something in between.
 *
 * The streams of a session stand and fall together. Subscriptions beyond the first three are polled meanwhile.
 */
export function createEventStreamTransport({ url, fetch, timing }: HttpOptions): Transport {
  return (listener, token) => {
    const streams = new Set<() => void>()
    let overflow: Session | undefined
    const tell = tellOnce(listener, () => {
      overflow?.close()
      for (const stop of [...streams]) stop()
    })
    const checks = new Set<() => void>()

    const open = (body: RequestBody, subscriber: Subscriber, isTrial = false): (() => void) => {
      const abort = new AbortController()
      let isProved = false
      const watchdog = createWatchdog(timing.proofMs, () =>
        tell.lost('silent', isProved ? 'The event stream has gone silent' : 'Nothing comes through the event stream'),
      )
      const stop = (): void => {
        streams.delete(stop)
        checks.delete(watchdog.check)
        watchdog.stop()
        abort.abort()
      }
      const onBytes = (): void => {
        isProved = true
        watchdog.feed(timing.silenceMs)
        // A trial proves that bytes come through; its results belong to the transport in use.
        if (isTrial) stop()
        tell.heard()
        tell.proved()
      }
      const run = async (): Promise<void> => {
        const response = await post({ fetch, url, token, body, accept: 'text/event-stream', signal: abort.signal })
        if (!streams.has(stop)) return
        if (isEventStream(response) && response.ok && response.body !== null) {
          const end = await readResults(response.body, subscriber, onBytes)
          if (!streams.has(stop)) return
          if (end === 'broken') return tell.lost('failed', 'The server ended the event stream')
          stop()
          return subscriber.complete()
        }
        const refusal = response.status === 400 || response.ok ? await readRefusal(response) : null
        if (!streams.has(stop)) return
        if (refusal === null)
          return response.ok ? tell.lost('failed', 'The answer is not an event stream') : tellStatus(response, tell)
        // This operation cannot be carried out; the others can.
        stop()
        tell.proved()
        subscriber.next(refusal)
        subscriber.complete()
      }
      streams.add(stop)
      checks.add(watchdog.check)
      run().catch((error: unknown) => {
        if (streams.has(stop)) tell.lost('failed', `The event stream broke: ${messageOf(error)}`)
      })
      return stop
    }

    return {
      attach(subscriber) {
        if (streams.size < maxEventStreams) return open(subscriber.body(), subscriber)
        overflow ??= createPollingTransport({ url, fetch, timing })(tell, token)
        return overflow.attach(subscriber)
      },
      prove(scout) {
        const body = scout ?? { query: '{ __typename }' }
        open(body, { body: () => body, next: () => false, complete: () => undefined }, true)
      },
      check() {
        for (const check of [...checks]) check()
      },
      close: () => void tell.end(),
    }
  }
}
