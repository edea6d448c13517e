import { expect, onTestFinished, test } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import { createPollingTransport } from '../../../client/transport/polling.ts'
import type { StreamResult } from '../../../client/transport/transport.ts'

function toResponse(results: readonly StreamResult[]): Response {
  const frames = results.map((result) => `event: next\ndata: ${JSON.stringify(result)}\n\n`)
  const text = `:\n\n${frames.join('')}event: complete\ndata:\n\n`
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

/** Polls with the same response to every request, each millisecond at first, until the test ends. */
function startPolling(respond: () => Response) {
  const state = { requests: 0, isComplete: false }
  const transport = createPollingTransport({
    url: 'http://server.test/graphql',
    timing: { ...defaultTiming, pollMs: 1, maxPollMs: 60_000 },
    fetch: () => {
      state.requests++
      return Promise.resolve(respond())
    },
  })
  const listener = {
    opened: () => undefined,
    confirmed: () => undefined,
    alive: () => undefined,
    lost: () => undefined,
  }
  const connection = transport(listener as never, null)
  const query = 'subscription ($after: Cursor) { sessionEvents(after: $after) { cursor } }'
  const complete = (): void => {
    state.isComplete = true
  }
  onTestFinished(connection.attach({ body: () => ({ query }), next: () => false, complete }))
  return state
}

const event = { data: { sessionEvents: { cursor: 'c-1' } } }
const ephemeral = { ...event, extensions: { tidings: { kind: 'ephemeral' } } }

test('polls less and less often while nothing is logged, although each request ends with an ephemeral event', async () => {
  const rare = [[], [ephemeral]].map((results) => startPolling(() => toResponse(results)))
  const frequent = [[event], [event, ephemeral]].map((results) => startPolling(() => toResponse(results)))
  for (const state of frequent) await expect.poll(() => state.requests).toBeGreaterThan(60)
  for (const { requests } of rare) expect(requests).toBeLessThan(30)
  expect([...rare, ...frequent].every(({ isComplete }) => !isComplete)).toBe(true)
})

test('completes when the server has nothing more for the cursor, which is that of a terminal event', async () => {
  const state = startPolling(() => new Response(null, { status: 204 }))
  await expect.poll(() => state.isComplete).toBe(true)
  expect(state.requests).toBe(1)
})
