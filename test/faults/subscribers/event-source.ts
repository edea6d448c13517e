import { isLastResult, isRetryable, type SubscriptionResult } from '../rig/recorder.ts'
import { requestOf } from './documents.ts'
import { pause, type SubscriberClient, type SubscriberOptions } from './subscriber.ts'

/**
 * Creates a client that opens one `EventSource` per topic. The `EventSource` resumes by itself with
 * `Last-Event-ID`; when it gives up (a refused connection, a status other than 200), its page opens
 * another one, with the last cursor in the URL.
 */
export function createEventSourceSubscriber(options: SubscriberOptions): SubscriberClient {
  const { kind, name, urls, recorder, random } = options
  const closing = new AbortController()
  return {
    kind,
    name,
    watch(sub, topic) {
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: topic.from, hasCursor: true })
      let cursor: string | undefined
      let source: EventSource | undefined
      let isDone = false
      let isLast = false
      const open = (): void => {
        if (isDone || closing.signal.aborted) return
        const { query, variables } = requestOf(topic, cursor)
        const params = new URLSearchParams({ query, variables: JSON.stringify(variables) })
        const opened = new EventSource(`${random.pick(urls)}/graphql?${params}`)
        source = opened
        const reopen = (): void => {
          opened.close()
          void pause(500, closing.signal).then(open)
        }
        opened.addEventListener('next', (event) => {
          const result = JSON.parse((event as MessageEvent<string>).data) as SubscriptionResult
          isLast = isLastResult(result)
          if (isRetryable(result.errors)) reopen()
          else cursor = recorder.result(sub, result) ?? cursor
        })
        opened.addEventListener('complete', () => {
          if (source !== opened || opened.readyState === EventSource.CLOSED) return
          isDone = true
          opened.close()
          recorder.ended(sub, 'complete')
        })
        opened.addEventListener('error', () => {
          if (opened.readyState !== EventSource.CLOSED) return
          // Closed by a 204: nothing can follow the terminal event.
          if (isLast) recorder.ended(sub, 'complete')
          else reopen()
        })
      }
      open()
      const stop = (): void => {
        isDone = true
        source?.close()
      }
      closing.signal.addEventListener('abort', stop, { once: true })
      return () => {
        recorder.ended(sub, 'stopped')
        stop()
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
    },
  }
}
