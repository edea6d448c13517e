import type { Database } from '../../src/db/connect.ts'
import { createRandom } from '../../src/studio/content/extractive/random.ts'
import { findCandidate } from '../../src/tasks/worker/claim.ts'

/** A task of a simulated day; times in seconds since its midnight. */
export interface DayTask {
  readonly id: string
  readonly owner: string
  readonly isPaid: boolean
  readonly createdAt: number
  /** Its duration once it runs. */
  readonly takes: number
}

/** The parameters of a day. */
export interface DayShape {
  readonly seed: number
  readonly hours: number
  /** Tasks per hour at a time of the day. */
  readonly perHour: (hour: number) => number
  readonly paidShare: number
  readonly users: number
  readonly meanSeconds: number
}

const spread = 0.6
/** The mean of a log-normal distribution with this spread, in medians. */
const meanOfMedian = Math.exp(spread ** 2 / 2)

/**
 * Generates the tasks of a day: they arrive at random at the given rate, and their durations are
 * log-normally distributed.
 */
export function createDay({ seed, hours, perHour, paidShare, users, meanSeconds }: DayShape): readonly DayTask[] {
  const { next: random } = createRandom(seed)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const tasks: DayTask[] = []
  const most = Math.max(...Array.from({ length: hours * 4 }, (_, quarter) => perHour(quarter / 4)))
  for (let at = 0; ; ) {
    at += (-Math.log(1 - random()) * 3_600) / most
    if (at >= hours * 3_600) return tasks
    // Thinned to the rate of the hour.
    if (random() * most > perHour(at / 3_600)) continue
    const user = Math.floor(random() * users)
    tasks.push({
      id: `t_${String(tasks.length).padStart(6, '0')}`,
      owner: `u_${user}`,
      isPaid: user < users * paidShare,
      createdAt: at,
      takes: (meanSeconds / meanOfMedian) * Math.exp(spread * normal()),
    })
  }
}

/**
 * Processes the tasks of a day with the statement by which workers claim, on a real database, with
 * a simulated clock: time advances from event to event. Other rows of the table `task` must be of
 * other kinds.
 *
 * @param options.headStart - of paid tasks, in seconds
 * @returns when each task started, in seconds since midnight
 */
export async function simulateDay(
  database: Pick<Database, 'pool'>,
  tasks: readonly DayTask[],
  {
    slots,
    perUser,
    headStart,
  }: { readonly slots: number; readonly perUser: number | null; readonly headStart: number },
): Promise<ReadonlyMap<string, number>> {
  const { pool } = database
  const startedAt = new Map<string, number>()
  const byId = new Map(tasks.map((task) => [task.id, task]))
  const running: { readonly id: string; readonly endsAt: number }[] = []
  let arrived = 0
  await pool.query(`delete from tidings.task where kind = 'DAY'`)
  while (startedAt.size < tasks.length || running.length > 0) {
    running.sort((a, b) => a.endsAt - b.endsAt)
    const next = tasks[arrived]
    const ending = running[0]
    let now: number
    if (next !== undefined && (ending === undefined || next.createdAt <= ending.endsAt)) {
      now = next.createdAt
      arrived++
      await pool.query(
        `insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
         values ($1, 'DAY', 'QUEUED', $2, '{}', 1, '{}', timestamptz 'epoch' + $3 * interval '1 s', now())`,
        [next.id, next.owner, next.createdAt - (next.isPaid ? headStart : 0)],
      )
    } else if (ending !== undefined) {
      now = ending.endsAt
      running.shift()
      await pool.query('delete from tidings.task where id = $1', [ending.id])
    } else throw new Error('Tasks wait, and nothing will end')
    while (running.length < slots && startedAt.size < arrived) {
      const id = await findCandidate(database, 'DAY', perUser)
      const task = id === null ? undefined : byId.get(id)
      if (task === undefined) break
      await pool.query(`update tidings.task set status = 'RUNNING' where id = $1`, [task.id])
      startedAt.set(task.id, now)
      running.push({ id: task.id, endsAt: now + task.takes })
    }
  }
  return startedAt
}

/** The effect of priority boosts on tasks without one. */
export interface Overtaking {
  /** The most tasks that arrived later than a free one and started before it. */
  readonly most: number
  /** How many seconds after the free task the latest of those arrived. */
  readonly latestSeconds: number
}

/** Finds the task that was overtaken most, and the latest task that overtook one. */
export function findOvertaking(tasks: readonly DayTask[], startedAt: ReadonlyMap<string, number>): Overtaking {
  let most = 0
  let latestSeconds = 0
  for (const [index, task] of tasks.entries()) {
    if (task.isPaid) continue
    const start = startedAt.get(task.id) ?? 0
    let count = 0
    for (let later = index + 1; later < tasks.length; later++) {
      const other = tasks[later]
      if (other === undefined || other.createdAt >= start) break
      if ((startedAt.get(other.id) ?? start) >= start) continue
      count++
      latestSeconds = Math.max(latestSeconds, other.createdAt - task.createdAt)
    }
    most = Math.max(most, count)
  }
  return { most, latestSeconds }
}
