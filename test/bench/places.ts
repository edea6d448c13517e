/**
 * Measures the cost of queue positions: `node test/bench/places.ts`.
 *
 * On a separate embedded PostgreSQL, with 100, 1,000 and 10,000 waiting tasks: one query of a
 * process for the positions of all followed tasks (100 tasks, spread over the queue), which runs at
 * most once per QUEUE_MOVED_MS; and one change, as it costs its author (a small message on the bus,
 * at most one in half that time). Medians of three rounds of 50 and their spread.
 */
import { createMemoryBus } from '../../src/bus/bus.ts'
import { silentLogger } from '../../src/logger.ts'
import { createEstimates } from '../../src/tasks/queue/estimate.ts'
import { createQueuePositions } from '../../src/tasks/queue/positions.ts'
import { startBenchDatabase } from './engine.ts'
import { median, percentile } from './statistics.ts'

const rounds = 3
const looks = 50
const watching = 100

await using bench = await startBenchDatabase()
const { database } = bench
console.log('waiting    a look, p50 ms (spread)    p99 ms    a move, µs')
for (const waiting of [100, 1_000, 10_000]) {
  await database.pool.query('truncate tidings.task cascade')
  await database.pool.query(
    `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
     select 't_' || i, 'WAIT', 'QUEUED', 'u', '{}', 1, '{}', now() + i * interval '1 ms', now() from generate_series(1, $1) i`,
    [waiting],
  )
  await database.pool.query('vacuum analyze tidings.task')
  await using bus = createMemoryBus(silentLogger)
  const estimates = createEstimates({ database })
  await using queuePositions = createQueuePositions({ database, bus, estimates, logger: silentLogger, movedMs: 60_000 })
  const watched = Array.from({ length: watching }, (_, index) => ({
    id: `t_${Math.floor(((index + 1) * waiting) / watching)}`,
    kind: 'WAIT',
  }))
  await queuePositions.of(watched)
  const lookMs: number[][] = []
  const moveUs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const tookMs: number[] = []
    for (let look = 0; look < looks; look++) {
      const startedAt = performance.now()
      await queuePositions.of(watched)
      tookMs.push(performance.now() - startedAt)
    }
    lookMs.push(tookMs)
    const startedAt = performance.now()
    for (let move = 0; move < looks * 1_000; move++) queuePositions.moved('WAIT')
    moveUs.push(((performance.now() - startedAt) * 1_000) / (looks * 1_000))
  }
  const medians = lookMs.map((tookMs) => median(tookMs)).sort((a, b) => a - b)
  const p99 = median(lookMs.map((tookMs) => percentile(tookMs, 0.99)))
  console.log(
    `${String(waiting).padStart(7)}${median(medians).toFixed(2).padStart(18)}` +
      ` (${medians[0]?.toFixed(2)}–${medians.at(-1)?.toFixed(2)})`.padEnd(16) +
      `${p99.toFixed(2).padStart(8)}${median(moveUs).toFixed(3).padStart(14)}`,
  )
}
