import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import { createPollingTransport } from '../../../client/transport/polling.ts'
import type { StreamResult } from '../../../client/transport/transport.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function toResponse(results: readonly StreamResult[]): Response {
  const frames = results.map((result) => `event: next\ndata: ${JSON.stringify(result)}\n\n`)
  const text = `:\n\n${frames.join('')}event: complete\ndata:\n\n`
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

/**
 * Polls for a minute, with the same response to every request.
 * @returns the number of requests, and whether the subscription was completed
 */
async function poll(respond: () => Response): Promise<{ requests: number; isComplete: boolean }> {
  let requests = 0
  let isComplete = false
  const transport = createPollingTransport({
    url: 'http://server.test/graphql',
    timing: defaultTiming,
    fetch: () => {
      requests++
      return Promise.resolve(respond())
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
  const complete = (): void => {
    isComplete = true
  }
  const leave = connection.attach({ body: () => ({ query }), next: () => false, complete })
  await vi.advanceTimersByTimeAsync(60_000)
  leave()
  return { requests, isComplete }
}

async function countRequests(results: readonly StreamResult[]): Promise<number> {
  const { requests, isComplete } = await poll(() => toResponse(results))
  expect(isComplete).toBe(false)
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

test('completes when the server has nothing more for the cursor, which is that of a terminal event', async () => {
  const respond = () => new Response(null, { status: 204 })
  expect(await poll(respond)).toEqual({ requests: 1, isComplete: true })
})
