import { after } from '../base/environment.ts'
import { createWatchdog, type HttpOptions, messageOf, post, readErrorCode, reportStatus } from './http.ts'
import { isEventStream, readEvents, readRefusal } from './results.ts'
import { createStreamSlots } from './stream-slots.ts'
import { notifyOnce, type StreamResult, type Subscriber, type Transport } from './transport.ts'

/**
 * How long changes of the set of subscriptions are collected before the stream is reopened with all
 * of them.
 */
const gatherMs = 10

/** The data of an event: a result, or the completion, of the operation with this id. */
interface OperationEvent {
  readonly id?: string
  readonly payload?: StreamResult
}

/**
 * Event streams: one request with all subscriptions of the client, answered by one stream. It is
 * read with `fetch`, which, unlike EventSource, sends headers and exposes the server's comments.
 * Those comments are the heartbeat, sent every `askMs`: a stream that is silent for longer than
 * `silenceMs` is dead, and one on which nothing arrives within `proofMs` is held back by an
 * intermediary. The first bytes do not confirm the stream, as some proxies pass only those; a later
 * byte does, such as the second comment.
 *
 * When the set of subscriptions changes, the stream is reopened from the cursors. The server keeps
 * no state between two streams, so any server may answer the next one. All tabs of a browser
 * together have at most two streams ({@link createStreamSlots}).
 */
export function createEventStreamTransport({ url, fetch, timing }: HttpOptions): Transport {
  const slots = createStreamSlots(url)
  return (listener, token) => {
    const subscribers = new Map<string, Subscriber>()
    const checks = new Set<() => void>()
    let ids = 0
    let isOver = false
    let release: (() => void) | undefined
    let stopGathering: () => void = () => undefined
    let stopStream: () => void = () => undefined
    let stopTrial: () => void = () => undefined
    let startTrial: (() => void) | undefined
    const notifier = notifyOnce(listener, () => {
      isOver = true
      stopGathering()
      stopStream()
      stopTrial()
      subscribers.clear()
      release?.()
    })

    /** Opens a stream and passes on its events. @returns a function that ends it */
    const open = (body: object, onEvent: (type: string, data: string) => void): (() => void) => {
      const abort = new AbortController()
      let firstByteAt: number | undefined
      let isConfirmed = false
      const watchdog = createWatchdog(timing.proofMs, () => {
        if (isConfirmed) notifier.lost('silent', 'The event stream has gone silent')
        else if (firstByteAt === undefined) notifier.lost('silent', 'Nothing came through the event stream')
        else notifier.lost('silent', 'The event stream began, then nothing came through')
      })
      const stop = (): void => {
        checks.delete(watchdog.check)
        watchdog.stop()
        abort.abort()
      }
      const onBytes = (): void => {
        const now = Date.now()
        firstByteAt ??= now
        isConfirmed ||= now - firstByteAt >= timing.confirmMs
        watchdog.feed(isConfirmed ? timing.silenceMs : timing.proofMs)
        notifier.alive()
        if (isConfirmed) notifier.confirmed()
      }
      const run = async (): Promise<void> => {
        const response = await post({ fetch, url, token, body, accept: 'text/event-stream', signal: abort.signal })
        if (abort.signal.aborted) return
        if (isEventStream(response) && response.ok && response.body !== null) {
          for await (const events of readEvents(response.body)) {
            if (abort.signal.aborted) return
            onBytes()
            for (const { type, data } of events) if (!abort.signal.aborted) onEvent(type, data)
          }
          if (!abort.signal.aborted) notifier.lost('failed', 'The server ended the event stream')
          return
        }
        const refusal = response.status === 400 || response.ok ? await readRefusal(response) : null
        if (abort.signal.aborted) return
        if (refusal !== null)
          return notifier.lost('failed', refusal.errors?.[0]?.message ?? 'The server refused the event stream')
        if (response.ok) return notifier.lost('failed', 'The answer is not an event stream')
        const code = await readErrorCode(response)
        if (!abort.signal.aborted) reportStatus(response, code, notifier)
      }
      checks.add(watchdog.check)
      run().catch((error: unknown) => {
        if (!abort.signal.aborted) notifier.lost('failed', `The event stream broke: ${messageOf(error)}`)
      })
      return stop
    }

    const finish = (id: string, subscriber: Subscriber): void => {
      subscribers.delete(id)
      subscriber.complete()
    }
    const reopen = (): void => {
      stopGathering()
      stopStream()
      stopStream = () => undefined
      if (subscribers.size === 0 || isOver) return
      const operations = Array.from(subscribers, ([id, subscriber]) => ({ id, ...subscriber.body() }))
      const onEvent = (type: string, data: string): void => {
        if (type === 'complete' && data === '') {
          stopStream()
          // Every operation should have completed on its own before; otherwise the server did not
          // understand the request.
          if (operations.some(({ id }) => subscribers.has(id)))
            notifier.lost('failed', 'The server ended the event stream')
          else notifier.confirmed()
          return
        }
        const { id = '', payload } = JSON.parse(data) as OperationEvent
        const subscriber = subscribers.get(id)
        if (subscriber === undefined) return
        if (type === 'complete' || (payload !== undefined && subscriber.next(payload))) finish(id, subscriber)
      }
      stopStream = open({ operations, heartbeatMs: timing.askMs }, onEvent)
    }
    /** Reopens the stream soon, once for all changes made together. */
    const onChange = (): void => {
      stopGathering()
      // Without a slot, no stream is open yet.
      if (release !== undefined) stopGathering = after(gatherMs, reopen)
    }
    const begin = async (): Promise<void> => {
      const slot = await slots.acquire()
      if (typeof slot === 'string') return notifier.lost('failed', slot)
      if (isOver) return slot()
      release = slot
      startTrial?.()
      reopen()
    }
    begin().catch((error: unknown) => notifier.lost('failed', `There is no event stream: ${messageOf(error)}`))

    return {
      attach(subscriber) {
        stopTrial()
        startTrial = undefined
        ids++
        const id = String(ids)
        subscribers.set(id, subscriber)
        onChange()
        return () => {
          if (subscribers.delete(id)) onChange()
        }
      },
      confirm(trial) {
        // The results of a probe are dropped: the connection in use delivers them.
        startTrial = () => {
          const operations = trial === null ? null : [{ id: '0', ...trial }]
          const body = operations === null ? { query: '{ __typename }' } : { operations, heartbeatMs: timing.askMs }
          stopTrial = open(body, (type) => {
            if (type !== 'complete') return
            stopTrial()
            notifier.confirmed()
          })
        }
        if (release !== undefined) startTrial()
      },
      check() {
        for (const check of [...checks]) check()
      },
      canAnswer: false,
      heartbeatMs: timing.askMs,
      close: () => void notifier.end(),
    }
  }
}
