import { expect, test } from 'vitest'
import { createDay, findOvertaking, simulateDay } from '../bench/busy-day-simulation.ts'
import { createTestDatabase } from '../support/database.ts'

/** Two hours with a tenth more tasks than can be processed. */
const tasks = createDay({
  seed: 3,
  hours: 2,
  perHour: () => 198,
  paidShare: 0.4,
  users: 30,
  meanSeconds: 40,
})
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length

test('on a busy day paid tasks wait less, and free ones are overtaken only by tasks within the priority boost', async () => {
  await using test = await createTestDatabase()
  const run = async (headStart: number) => {
    const startedAt = await simulateDay(test.database, tasks, { slots: 2, perUser: null, headStart })
    const waitsOf = (isPaid: boolean): number =>
      mean(
        tasks
          .filter((task) => task.isPaid === isPaid)
          .map((task) => (startedAt.get(task.id) ?? Number.NaN) - task.createdAt),
      )
    return { startedAt, paid: waitsOf(true), free: waitsOf(false), ...findOvertaking(tasks, startedAt) }
  }
  const none = await run(0)
  expect(none.most).toBe(0)
  const some = await run(120)
  expect(some.paid).toBeLessThan(none.paid)
  expect(some.free).toBeGreaterThan(none.free)
  expect(some.most).toBeGreaterThan(0)
  expect(some.latestSeconds).toBeLessThanOrEqual(120)
  // Every task runs.
  expect(some.startedAt.size).toBe(tasks.length)
  // The simulation is deterministic.
  expect((await run(120)).startedAt).toEqual(some.startedAt)
})
