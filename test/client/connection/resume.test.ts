import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TransportName } from '../../../client/transport/transport.ts'
import { type Site, startSite } from '../support/site.ts'
import { eventually, watch } from '../support/watch.ts'

let site: Site
beforeAll(async () => {
  site = await startSite()
})
afterAll(() => site[Symbol.asyncDispose]())

async function seqsOf(id: string): Promise<readonly number[]> {
  return (await site.engine.events({ id })).map(({ seq }) => seq)
}

/**
 * Bytes from one cut to the next. `CUT_STEP=1` cuts after every single byte and takes many minutes.
 */
const cutStep = Number(process.env['CUT_STEP'] ?? 83)

async function finishedTask(steps: number): Promise<string> {
  const id = await site.count(steps, true)
  await site.engine.history({ id, kind: 'GENERATE_PROJECT' })
  return id
}

describe.for<TransportName>(['websocket', 'sse', 'polling'])('over %s', (transport) => {
  test('delivers every event of a task, in order and once, and ends after the last', async () => {
    const id = await site.count(5)
    await using client = site.client({ transports: [transport] })
    const { seqs, done } = watch(client, id)
    await eventually(() => expect(seqs.length).toBeGreaterThan(2))
    site.step(5)
    await done
    expect(seqs).toEqual(await seqsOf(id))
  })

  test.for(['toClient', 'toServer'] as const)(
    'resumes wherever its first connection is cut, counted in bytes %s',
    { timeout: Math.ceil(83 / cutStep) * 300_000 },
    async (direction) => {
      const id = await finishedTask(8)
      const expected = await seqsOf(id)
      // Beyond this the whole history has been transferred.
      const lastByte = direction === 'toClient' ? 9_000 : 3_500
      let cuts = 0
      for (let bytes = 1; bytes < lastByte; bytes += cutStep) {
        site.proxy.cutAfter(bytes, direction)
        await using client = site.client({ transports: [transport] })
        client.connection.subscribe(() => {
          if (client.connection.getSnapshot().attempt === 0) return
          cuts += 1
          void site.proxy.heal()
        })
        const { seqs, done } = watch(client, id)
        await done
        expect(seqs, `cut after ${bytes} bytes`).toEqual(expected)
        await site.proxy.heal()
      }
      expect(cuts).toBeGreaterThan(lastByte / cutStep / 2)
    },
  )
})
