/**
 * Measures the accuracy of the estimates: `node test/bench/estimates.ts` replays the recorded runs
 * and prints the errors; `node test/bench/estimates.ts --record` records them anew (`--record paced`
 * or `--record studio` only these).
 *
 * A recorded run has the tasks of one kind: when each was queued, started and completed, and what it
 * reported. The replay estimates at each moment from the tasks completed until then. Printed are the
 * median and the 90th percentile of |estimated − actual| / actual, and the bias: the sum of the
 * estimates divided by the sum of the actual times, less 1. Actual times below 100 ms are excluded.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { recordRuns } from './estimates-record.ts'
import { type Estimated, errorsOf, type RecordedRun, replay } from './estimates-replay.ts'
import { median, percentile } from './statistics.ts'

const path = fileURLToPath(new URL('../fixtures/estimates/recorded.json', import.meta.url))
const [command, only] = process.argv.slice(2)
if (command === '--record') await recordRuns(path, only)
const runs = JSON.parse(await readFile(path, 'utf8')) as readonly RecordedRun[]

const cell = (estimates: readonly Estimated[]): string => {
  const { count, median, p90, bias } = errorsOf(estimates)
  if (count === 0) return '–'
  return `${median.toFixed(2)} / ${p90.toFixed(2)} / ${bias < 0 ? '−' : '+'}${Math.abs(100 * bias).toFixed(0)} %`
}
console.log('| run | tasks | wait | remaining at 25 % | at 50 % | at 75 % | percent off, median / largest |')
console.log('|---|---|---|---|---|---|---|')
const all = runs.map((run) => {
  const result = replay(run)
  const { wait, remaining, percentOff } = result
  const off = `${median(percentOff).toFixed(0)} / ${percentile(percentOff, 1).toFixed(0)}`
  const cells = [wait, remaining[25], remaining[50], remaining[75]].map(cell)
  console.log(`| ${[run.name, run.tasks.length, ...cells, off].join(' | ')} |`)
  return result
})
const together = [
  all.flatMap(({ wait }) => wait),
  ...([25, 50, 75] as const).map((at) => all.flatMap(({ remaining }) => remaining[at])),
]
const offAll = all.flatMap(({ percentOff }) => percentOff)
console.log(
  `| ${['all', runs.reduce((sum, { tasks }) => sum + tasks.length, 0), ...together.map(cell), `${median(offAll).toFixed(0)} / ${percentile(offAll, 1).toFixed(0)}`].join(' | ')} |`,
)
