/**
 * Measures the throughput of appends to the log:
 * `node test/bench/append.ts [--seconds 4] [--in-flight 1,8,50,200,500]`.
 *
 * On a separate embedded PostgreSQL with `synchronous_commit` on, each append is one TaskProgressed
 * of about 300 bytes to a task's topic, with the guard (status, attempt, worker, base) and the
 * task's row. Prints appends per second, median of three runs with their spread, and the latency of
 * an append.
 */
import { parseArgs } from 'node:util'
import { connectDatabase } from '../../src/db/connect.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDirectory } from '../support/directory.ts'
import { type MeasuredAppends, measureAppends, seedRunningTasks } from './append-load.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '4' }, 'in-flight': { type: 'string', default: '1,8,50,200,500' } },
})
const runMs = Number(values.seconds) * 1_000
const runs = 3

await using directory = await createTestDirectory({ isOnDisk: true })
await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
await using database = await connectDatabase({ url: postgres.url, maxConnections: 4, logger: silentLogger })
await migrate(database, silentLogger)
await seedRunningTasks(database)
console.log('in flight   appends/s (spread of three)     p50 ms   p99 ms')
for (const inFlight of values['in-flight'].split(',').map(Number)) {
  const measured: MeasuredAppends[] = []
  for (let run = 0; run < runs; run++) measured.push(await measureAppends(database, { inFlight, runMs }))
  measured.sort((a, b) => a.perSecond - b.perSecond)
  const median = measured[Math.floor(runs / 2)] ?? { perSecond: Number.NaN, p50: Number.NaN, p99: Number.NaN }
  const [slowest, fastest] = [measured[0], measured.at(-1)].map((one) => Math.round(one?.perSecond ?? Number.NaN))
  console.log(
    `${String(inFlight).padStart(9)}${String(Math.round(median.perSecond)).padStart(12)}` +
      ` (${slowest}–${fastest})`.padEnd(24) +
      `${median.p50.toFixed(2).padStart(9)}${median.p99.toFixed(2).padStart(9)}`,
  )
}
