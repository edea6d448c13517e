import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultTiming } from '../../../client/base/timing.ts'
import { type Site, startSite } from '../../client/support/site.ts'
import { eventually, recordStates, watch } from '../../client/support/watch.ts'

const outageMs = 60_000

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())

test.for(['refused', 'swallowed'] as const)(
  'returns after a minute in which connections are %s, and misses no event',
  async (how) => {
    const id = await site.count(2)
    // The documented timing, with all transports.
    await using client = site.client({ timing: defaultTiming })
    recordStates(client)
    const watching = watch(client, id)
    const statusOf = () => client.connection.getSnapshot().status
    await eventually(() => expect(statusOf()).toBe('live'))
    if (how === 'refused') {
      site.proxy.refuse()
      site.proxy.resetAll()
    } else site.proxy.stall()
    await eventually(() => expect(statusOf()).toBe('reconnecting'))
    site.step(1)
    await new Promise((resolve) => setTimeout(resolve, outageMs))
    await site.proxy.heal()
    const healedAt = Date.now()
    await eventually(() => expect(statusOf()).toBe('live'))
    console.log(
      `Connections ${how} for ${outageMs / 1_000} s: live ${((Date.now() - healedAt) / 1_000).toFixed(1)} s after it`,
    )
    site.step(1)
    await watching.done
    expect(watching.seqs).toEqual((await site.engine.events({ id })).map(({ seq }) => seq))
  },
)
