import { expect, test } from 'vitest'
import { z } from 'zod'
import { withTransaction } from '../../../src/db/connect.ts'
import { silentLogger } from '../../../src/logger.ts'
import type { Task } from '../../../src/tasks/model/task.ts'
import { createTaskDefinition, type Priority, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { priorityMs } from '../../../src/tasks/queue/priority-boost.ts'
import { startWithin } from '../../../src/tasks/start/start-within.ts'
import { createCommittedStarts } from '../../../src/tasks/worker/committed-starts.ts'
import { type EngineFixture, shareDatabase, startTestEngine } from '../../support/engine.ts'

shareDatabase()

type Input = { readonly plan: string }

/** Creates a kind `CONVERT` that notes the plans of its tasks as they start, one at a time. */
const createKind = (priority: Priority<Input>, started: string[] = []): TaskDefinition =>
  createTaskDefinition({
    kind: 'CONVERT',
    input: z.object({ plan: z.string() }),
    concurrency: 1,
    priority,
    // biome-ignore lint/correctness/useYield: a task without reports.
    async *run({ input }) {
      started.push(input.plan)
      return {}
    },
  }) as unknown as TaskDefinition

const byPlan = ({ plan }: Input): number => ({ paid: 60, trial: -60 })[plan] ?? 0

const start = ({ start: startTask }: EngineFixture, plan: string, headStartMs = 0): Promise<Task> =>
  startTask('CONVERT', { input: { plan }, headStartMs })
const positionsOf = async ({ engine }: EngineFixture, tasks: readonly Task[]): Promise<unknown[]> => {
  const positions = await engine.queuePositions.of(tasks)
  return tasks.map(({ id }) => positions.get(id)?.position)
}
/** Returns the seconds by which tasks were moved forward, by plan. */
const boosts = async ({ database }: EngineFixture): Promise<unknown> => {
  const { rows } = await database.pool.query<{ plan: string; s: number }>(
    `select input->>'plan' as plan, round(extract(epoch from created_at - queue_key))::int as s from tidings.task`,
  )
  return Object.fromEntries(rows.map(({ plan, s }) => [plan, s]))
}

test('tasks with a higher priority start first, and the positions show it', async () => {
  const started: string[] = []
  const definitions = [createKind(byPlan, started)]
  await using server = await startTestEngine({ definitions, config: { ROLE: 'server' } })
  const tasks = [await start(server, 'trial'), await start(server, 'free'), await start(server, 'paid')]
  expect(await positionsOf(server, tasks)).toEqual([3, 2, 1])
  // The boost of the owner's plan is added.
  tasks.push(await start(server, 'boosted', 120_000))
  expect(await positionsOf(server, tasks)).toEqual([4, 3, 2, 1])
  await using worker = await startTestEngine({ definitions, on: server.test })
  for (const task of tasks) await worker.history(task)
  expect(started).toEqual(['boosted', 'paid', 'free', 'trial'])
})

test('a priority applies to all tasks of a kind, and to those that a transaction started', async () => {
  const definition = createKind(byPlan)
  await using server = await startTestEngine({ definitions: [definition], config: { ROLE: 'server' } })
  const request = { kind: 'CONVERT', input: { plan: 'paid' }, owner: 'u_1' }
  await withTransaction(server.database, (client) =>
    startWithin(client, request, { definition, maxStartsPerMinute: 10, idempotencyHours: 1, schema: 'tidings' }),
  )
  await server.database.pool.query(`select tidings.start_task('CONVERT', '{"plan": "trial"}', 'u_1')`)
  // Its input does not fit: it fails when it is claimed.
  await server.database.pool.query(`select tidings.start_task('CONVERT', '{}', 'u_1')`)
  expect(await boosts(server)).toEqual({ paid: 60, trial: 0, null: 0 })
  const noted: string[] = []
  await using _starts = createCommittedStarts({
    database: server.database,
    wakeUps: { add: async (_kind: string, id: string) => void noted.push(id) } as never,
    definitions: new Map([['CONVERT', definition]]),
    logger: silentLogger,
    pollMs: 60_000,
    onStarted: () => undefined,
  })
  await expect.poll(() => noted).toHaveLength(3)
  expect(await boosts(server)).toEqual({ paid: 60, trial: -60, null: 0 })
})

test('a priority that is no number of seconds is refused', async () => {
  expect(priorityMs({ kind: 'CONVERT', priority: -1.5 }, {})).toBe(-1_500)
  expect(priorityMs({ kind: 'CONVERT' }, {})).toBe(0)
  await using server = await startTestEngine({
    definitions: [createKind(() => Number.NaN)],
    config: { ROLE: 'server' },
  })
  await expect(start(server, 'paid')).rejects.toThrow('The priority of CONVERT is NaN')
  await using _worker = await startTestEngine({ definitions: [createKind(() => 1e12)], on: server.test })
  await expect(start(_worker, 'paid')).rejects.toThrow('The priority of CONVERT is 1000000000000')
})
