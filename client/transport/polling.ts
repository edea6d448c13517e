import { after } from '../base/environment.ts'
import type { Timing } from '../base/timing.ts'
import { type HttpOptions, messageOf, post, readErrorCode, reportStatus } from './http.ts'
import { marksOf } from './marks.ts'
import { isEventStream, readRefusal, readResults } from './results.ts'
import { notifyOnce, type RequestBody, type Subscriber, type Transport } from './transport.ts'

/** The factor by which the interval grows after a request that returned nothing new. */
const growth = 1.5
const noContent = 204

/**
 * Returns the pause after a request, in milliseconds. @param isNew - whether it returned anything
 * new
 */
export function nextInterval(intervalMs: number, isNew: boolean, timing: Pick<Timing, 'pollMs' | 'maxPollMs'>): number {
  return isNew ? timing.pollMs : Math.min(timing.maxPollMs, intervalMs * growth)
}

/**
 * Polling: sends the same document repeatedly with `extensions: { catchUp: true }`. The server
 * responds with the events since the cursor and then completes. Requests follow at short intervals
 * while events arrive, and less and less often while none do. Works wherever ordinary requests
 * work.
 */
export function createPollingTransport({ url, fetch, timing }: HttpOptions): Transport {
  return (listener, token) => {
    const polls = new Map<() => void, () => void>()
    let stopTrial: () => void = () => undefined
    const notifier = notifyOnce(listener, () => {
      for (const stop of [...polls.keys()]) stop()
    })

    const request = async (body: RequestBody, signal: AbortSignal): Promise<Response> =>
      post({ fetch, url, token, body, accept: 'text/event-stream', signal })

    const poll = (subscriber: Subscriber, isRepeated: boolean): (() => void) => {
      let intervalMs = timing.pollMs
      let abort = new AbortController()
      let stopTimer: () => void = () => undefined
      let isResting = false
      const stop = (): void => {
        polls.delete(stop)
        stopTimer()
        abort.abort()
      }
      const finish = (): void => {
        stop()
        subscriber.complete()
      }
      const once = async (): Promise<void> => {
        abort = new AbortController()
        const { signal } = abort
        const stopDeadline = after(timing.requestMs, () =>
          notifier.lost('silent', `A request was not answered within ${timing.requestMs / 1_000} s`),
        )
        let isNew = false
        try {
          const body = subscriber.body()
          const response = await request({ ...body, extensions: { ...body.extensions, catchUp: true } }, signal)
          if (!polls.has(stop)) return
          // Resumed after the terminal event.
          if (response.status === noContent) {
            notifier.confirmed()
            return finish()
          }
          if (!isEventStream(response) || !response.ok || response.body === null) {
            const refusal = response.status === 400 || response.ok ? await readRefusal(response) : null
            if (!polls.has(stop)) return
            if (refusal === null) {
              if (response.ok) return notifier.lost('failed', 'The answer is not an event stream')
              const code = await readErrorCode(response)
              if (polls.has(stop)) reportStatus(response, code, notifier)
              return
            }
            notifier.confirmed()
            subscriber.next(refusal)
            return finish()
          }
          const end = await readResults(
            response.body,
            {
              next(result) {
                // An ephemeral event ends every request, whether it has changed or not.
                isNew ||= marksOf(result).kind !== 'ephemeral'
                return subscriber.next(result)
              },
            },
            () => notifier.alive(),
          )
          if (!polls.has(stop)) return
          if (end === 'broken') return notifier.lost('failed', 'An answer broke off')
          notifier.confirmed()
          if (end === 'last' || !isRepeated) return finish()
        } finally {
          stopDeadline()
        }
        intervalMs = nextInterval(intervalMs, isNew, timing)
        isResting = true
        stopTimer = after(intervalMs, start)
      }
      const start = (): void => {
        stopTimer()
        isResting = false
        once().catch((error: unknown) => {
          if (polls.has(stop)) notifier.lost('failed', `A request failed: ${messageOf(error)}`)
        })
      }
      polls.set(stop, () => {
        if (isResting) start()
      })
      start()
      return stop
    }

    return {
      attach(subscriber) {
        stopTrial()
        return poll(subscriber, true)
      },
      confirm(trial) {
        const body = trial ?? { query: '{ __typename }' }
        stopTrial = poll({ body: () => body, next: () => false, complete: () => undefined }, trial !== null)
      },
      check() {
        for (const pollNow of [...polls.values()]) pollNow()
      },
      canAnswer: false,
      heartbeatMs: null,
      close: () => void notifier.end(),
    }
  }
}
