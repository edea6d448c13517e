/**
 * Measures what a report costs a worker against the number of items of its task:
 * `node bin/run.js test/bench/items.ts`. Prints the processor time per report, for the first and the
 * last tenth of the reports of one attempt, each the median of several attempts.
 */
import { beginAttempt, reduceReport } from '../../src/tasks/model/progress.ts'
import { declareItems, item, type Report } from '../../src/tasks/model/report.ts'
import { median } from './engine.ts'

const counts = [10, 100, 1_000, 10_000, 100_000]
const attempts = 5

/** Returns the microseconds per report of the first and the last tenth. */
function measure(count: number): readonly [first: number, last: number] {
  const keys = Array.from({ length: count }, (_, index) => `item ${index}`)
  let state = beginAttempt([], new Date().toISOString())
  state = reduceReport(state, declareItems(keys.map((key) => ({ key, label: key }))))
  const reports = keys.flatMap((key): Report[] => [item.started(key), item.advanced(key, 50), item.completed(key)])
  const part = Math.ceil(reports.length / 10)
  const run = (some: readonly Report[]): number => {
    const { user } = process.cpuUsage()
    for (const report of some) state = reduceReport(state, report)
    return process.cpuUsage().user - user
  }
  const first = run(reports.slice(0, part)) / part
  run(reports.slice(part, -part))
  return [first, run(reports.slice(-part)) / part]
}

measure(10_000)
console.log('| items | first tenth, µs per report | last tenth |')
console.log('|---|---|---|')
for (const count of counts) {
  // Attempts with few items are shorter than the resolution of the clock.
  const repetitions = Math.max(1, Math.round(10_000 / count))
  const measured = Array.from({ length: attempts }, () => {
    const runs = Array.from({ length: repetitions }, () => measure(count))
    const mean = (at: 0 | 1): number => runs.reduce((sum, run) => sum + run[at], 0) / runs.length
    return [mean(0), mean(1)] as const
  })
  const cell = (at: 0 | 1): string => median(measured.map((pair) => pair[at])).toFixed(2)
  console.log(`| ${count.toLocaleString('en')} | ${cell(0)} | ${cell(1)} |`)
}
