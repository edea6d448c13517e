/**
 * Simulates a busy day in the queue: `node test/bench/busy-day.ts`. Draws
 * `docs/images/busy-day.svg` and updates the table in `docs/priorities.md`. The result is
 * deterministic: the day is generated from a seed, and time is simulated; only the claim statement
 * is real, on a separate embedded PostgreSQL.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { drawDays } from './busy-day-picture.ts'
import { createDay, type DayTask, findOvertaking, simulateDay } from './busy-day-simulation.ts'
import { startBenchDatabase } from './engine.ts'
import { percentile } from './statistics.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const slots = 8
const meanSeconds = 40
const capacityPerHour = (slots * 3_600) / meanSeconds
/** A peak of the day's load, as a share of the capacity, around an hour. */
const bump = (hour: number, at: number, width: number): number => Math.exp(-(((hour - at) / width) ** 2))
const tasks = createDay({
  seed: 20_261_120,
  hours: 24,
  // Nights are quiet; before noon more tasks arrive than can be processed, in the afternoon nearly
  // so.
  perHour: (hour) => capacityPerHour * (0.1 + 1.1 * bump(hour, 10.5, 1.6) + 0.85 * bump(hour, 15.5, 2)),
  paidShare: 0.3,
  users: 400,
  meanSeconds,
})
const headStarts = [0, 30, 300]

await using bench = await startBenchDatabase()
const days: { readonly headStart: number; readonly startedAt: ReadonlyMap<string, number> }[] = []
for (const headStart of headStarts)
  days.push({ headStart, startedAt: await simulateDay(bench.database, tasks, { slots, perUser: null, headStart }) })

const [without] = days
const waitOf = (startedAt: ReadonlyMap<string, number>, task: DayTask): number =>
  (startedAt.get(task.id) ?? task.createdAt) - task.createdAt
const minutes = (seconds: number): string => (seconds / 60).toFixed(1)
const rows = days.map(({ headStart, startedAt }) => {
  const cells = [true, false].flatMap((isPaid) => {
    const waits = tasks.filter((task) => task.isPaid === isPaid).map((task) => waitOf(startedAt, task))
    return [
      minutes(waits.reduce((sum, wait) => sum + wait, 0) / waits.length),
      minutes(percentile(waits, 0.95)),
      minutes(Math.max(...waits)),
    ]
  })
  const free = tasks.filter(({ isPaid }) => !isPaid)
  const longer = free.map((task) => waitOf(startedAt, task) - waitOf(without?.startedAt ?? startedAt, task))
  const { most, latestSeconds } = findOvertaking(tasks, startedAt)
  if (latestSeconds > headStart) throw new Error('Overtaken by what came after the head start')
  return `| ${headStart === 0 ? 'none' : `${headStart} s`} | ${cells.join(' | ')} | ${minutes(Math.max(0, ...longer))} | ${most} | ${latestSeconds.toFixed(1)} s |`
})
const paid = tasks.filter(({ isPaid }) => isPaid).length
const table = [
  `${tasks.length.toLocaleString('en')} tasks, ${paid.toLocaleString('en')} of them paid, ${slots} slots, ${meanSeconds} s each on average (log-normal). Waits in minutes.`,
  '',
  '| head start | paid: mean | p95 | longest | free: mean | p95 | longest | a free one waited longer than without, at most | overtaken by at most | the latest of those came after it by |',
  '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ...rows,
].join('\n')
await writeFile(`${root}/docs/images/busy-day.svg`, drawDays(tasks, days))
const file = `${root}/docs/priorities.md`
const text = await readFile(file, 'utf8')
await writeFile(file, text.replace(/(<!-- busy-day -->\n)[\s\S]*(<!-- \/busy-day -->)/, `$1\n${table}\n\n$2`))
console.log(table)
