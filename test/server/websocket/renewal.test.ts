import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Site, startSite } from '../../client/support/site.ts'
import { eventually, recordStates, watch } from '../../client/support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite({ MAX_STREAM_MS: '1000' })
})
afterAll(() => site?.[Symbol.asyncDispose]())

test('event streams that end to be renewed cost their client no event, no transport and no error', async () => {
  const id = await site.count(8)
  // It may poll if it concludes that event streams do not work.
  await using client = site.client({ transports: ['sse', 'polling'], timing: { steadyMs: 500 } })
  const states = recordStates(client)
  const watching = watch(client, id)
  const { metrics } = site.server
  for (const streams of [1, 2, 3, 4]) {
    await eventually(() => expect(metrics.connectionsOpened.sse).toBe(streams))
    // One arrives over this stream, and perhaps one between it and the next.
    site.step(2)
  }
  await watching.done
  const events = await site.engine.events({ id })
  expect(watching.seqs).toEqual(events.map(({ seq }) => seq))
  expect(metrics.connectionsOpened.polling).toBe(0)
  expect(new Set(states.map(({ transport }) => transport))).toEqual(new Set([null, 'sse']))
  await eventually(() => expect(metrics.connections.sse).toBe(0))
})
