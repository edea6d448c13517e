import { isLastResult, isRetryable, type SubscriptionResult } from '../rig/recorder.ts'
import { requestOf } from './documents.ts'
import { pause, type SubscriberClient, type SubscriberOptions } from './subscriber.ts'

const pollMs = 400
const timeoutMs = 4_000

/** Creates a client that polls with `fetch`, as docs/protocol.md describes: the last cursor, until a terminal event. */
export function createRawPollingSubscriber(options: SubscriberOptions): SubscriberClient {
  const { kind, name, urls, recorder, random } = options
  const closing = new AbortController()
  return {
    kind,
    name,
    watch(sub, topic) {
      recorder.subscribed({ sub, client: kind, topic: topic.name, from: topic.from, hasCursor: true })
      const stopping = new AbortController()
      const signal = AbortSignal.any([closing.signal, stopping.signal])
      let cursor: string | undefined
      let isDone = false
      const onBlock = (block: string): void => {
        const lines = block.split('\n')
        if (!lines.includes('event: next')) return
        const data = lines.find((line) => line.startsWith('data: '))
        const result = JSON.parse(data?.slice(6) ?? '{}') as SubscriptionResult
        if (isRetryable(result.errors)) return
        cursor = recorder.result(sub, result) ?? cursor
        if (result.data === undefined || isLastResult(result)) isDone = true
        if (isLastResult(result)) recorder.ended(sub, 'complete')
      }
      const poll = async (): Promise<void> => {
        const response = await fetch(`${random.pick(urls)}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
          body: JSON.stringify({ ...requestOf(topic, cursor), extensions: { catchUp: true } }),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        })
        // Nothing can follow its cursor.
        if (response.status === 204) {
          isDone = true
          return recorder.ended(sub, 'complete')
        }
        if (response.body === null || response.status >= 500) return
        let rest = ''
        for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
          const blocks = (rest + text).split('\n\n')
          rest = blocks.pop() ?? ''
          for (const block of blocks) if (!isDone && !signal.aborted) onBlock(block)
        }
      }
      const run = async (): Promise<void> => {
        while (!isDone && !signal.aborted) {
          await poll().catch(() => undefined)
          if (!isDone) await pause(pollMs, signal)
        }
      }
      void run()
      return () => {
        recorder.ended(sub, 'stopped')
        stopping.abort()
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
    },
  }
}
