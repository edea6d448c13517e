import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import { createPollingTransport } from '../../../client/transport/polling.ts'
import type { StreamResult } from '../../../client/transport/transport.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Polls for a minute, with the same response to every request. @returns the number of requests */
async function countRequests(results: readonly StreamResult[]): Promise<number> {
  const frames = results.map((result) => `event: next\ndata: ${JSON.stringify(result)}\n\n`)
  const text = `:\n\n${frames.join('')}event: complete\ndata:\n\n`
  let requests = 0
  const transport = createPollingTransport({
    url: 'http://server.test/graphql',
    timing: defaultTiming,
    fetch: () => {
      requests++
      return Promise.resolve(new Response(text, { headers: { 'content-type': 'text/event-stream' } }))
    },
  })
  const listener = {
    opened: () => undefined,
    confirmed: () => undefined,
    heard: () => undefined,
    lost: () => undefined,
  }
  const connection = transport(listener as never, null)
  const query = 'subscription ($after: Cursor) { sessionEvents(after: $after) { cursor } }'
  const leave = connection.attach({ body: () => ({ query }), next: () => false, complete: () => undefined })
  await vi.advanceTimersByTimeAsync(60_000)
  leave()
  return requests
}

const event = { data: { sessionEvents: { cursor: 'c-1' } } }

test('polls less and less often while nothing is logged, although each request ends with an ephemeral event', async () => {
  const fewest = await countRequests([])
  const ephemeral = { ...event, extensions: { tidings: { kind: 'ephemeral' } } }
  expect(await countRequests([ephemeral])).toBe(fewest)
  expect(fewest).toBeLessThan(30)
  expect(await countRequests([event])).toBeGreaterThan(200)
  expect(await countRequests([event, ephemeral])).toBeGreaterThan(200)
})
