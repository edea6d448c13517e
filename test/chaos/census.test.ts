import { expect, test, vi } from 'vitest'
import { openStream, resultOf } from '../server/sse/sse.ts'
import { startCluster } from './servers.ts'

interface Stats {
  readonly servers: readonly { readonly name: string; readonly connections: number }[]
  readonly byTransport: readonly { readonly transport: string; readonly connections: number }[]
  readonly oldest: readonly { readonly server: string; readonly userAgent: string }[]
}
const document = `subscription { connectionStatsUpdates {
  servers { name connections } byTransport { transport connections } oldest { server userAgent }
} }`

test('reports the connections of another server, without Redis too, and removes those of a killed server', async () => {
  await using cluster = await startCluster(2, { ROLE: 'server' })
  const [here, there] = cluster.nodes
  if (here === undefined || there === undefined) throw new Error('Two nodes were asked for')
  const ports = (stats: Stats | undefined) => stats?.servers.map(({ name }) => Number(name.split(':').at(-1))).sort()
  const seen: Stats[] = []
  await using watching = await openStream(here.url, document)
  const reading = (async () => {
    for (let event = await watching.next(); event !== null; event = await watching.next())
      seen.push((resultOf(event) as { data: { connectionStatsUpdates: Stats } }).data.connectionStatsUpdates)
  })()
  reading.catch(() => undefined)
  await using _other = await openStream(there.url, document, { headers: { 'user-agent': 'over there' } })
  // Each server publishes its own connections on its own schedule.
  await vi.waitFor(() => {
    expect(seen.at(-1)?.oldest.map(({ userAgent }) => userAgent)).toContain('over there')
    expect(ports(seen.at(-1))).toEqual([here.port, there.port].sort())
    expect(seen.at(-1)?.byTransport).toContainEqual({ transport: 'SSE', connections: 2 })
  })

  // Without the bus everything is correct, only a little later.
  await cluster.redis.stop()
  await using _late = await openStream(there.url, document, { headers: { 'user-agent': 'without a bus' } })
  await vi.waitFor(() => expect(seen.at(-1)?.oldest.map(({ userAgent }) => userAgent)).toContain('without a bus'))

  await there.kill('SIGKILL')
  await vi.waitFor(() => expect(ports(seen.at(-1))).toEqual([here.port]))
  expect(seen.at(-1)?.byTransport).toContainEqual({ transport: 'SSE', connections: 1 })
})
