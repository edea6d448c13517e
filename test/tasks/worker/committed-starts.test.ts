import { expect, test } from 'vitest'
import { z } from 'zod'
import { createLogger } from '../../../src/logger.ts'
import { createTaskDefinition, type TaskDefinition } from '../../../src/tasks/model/task-definition.ts'
import { type EngineFixture, shareDatabase, startTestEngine, typesOf } from '../../support/engine.ts'

shareDatabase()

const createKind = (kind: string): TaskDefinition =>
  createTaskDefinition({
    kind,
    input: z.object({ name: z.string().optional() }),
    concurrency: 5,
    // biome-ignore lint/correctness/useYield: a task without reports.
    async *run() {
      return {}
    },
  }) as TaskDefinition
const definitions = [createKind('WORK')]
/** So that only a notification of the database, or a connection that was opened again, brings the tasks. */
const notified = { SWEEP_MS: 600_000 }
const once = ['TaskQueued', 'TaskStarted', 'TaskCompleted']

async function startInSql(
  { database }: EngineFixture,
  { kind = 'WORK', count = 1, input = '{}' }: { kind?: string; count?: number; input?: string } = {},
): Promise<readonly { readonly id: string; readonly kind: string }[]> {
  const { rows } = await database.pool.query<{ id: string; kind: string }>(
    `select tidings.start_task($1, $2, 'u_1') as id, $1 as kind from generate_series(1, $3)`,
    [kind, input, count],
  )
  return rows
}

const countRows = async ({ database }: EngineFixture): Promise<number | null> =>
  (await database.pool.query('select from tidings.started_task')).rowCount

test('workers run tasks that a transaction started, at its commit and once', async () => {
  await using fixture = await startTestEngine({ definitions, config: notified })
  await using _other = await startTestEngine({ definitions, config: notified, on: fixture.test })
  const tasks = await startInSql(fixture, { count: 120 })
  for (const task of tasks) expect(typesOf(await fixture.history(task))).toEqual(once)
  expect(await countRows(fixture)).toBe(0)
})

test('a worker finds tasks that were started before it began, or while its connection was lost', async () => {
  await using server = await startTestEngine({ definitions, config: { ROLE: 'server' } })
  const [before] = await startInSql(server)
  await using worker = await startTestEngine({ definitions, config: notified, on: server.test })
  if (before !== undefined) expect(typesOf(await worker.history(before))).toEqual(once)
  await server.database.pool.query(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity
     where datname = current_database() and application_name = 'tidings listen'`,
  )
  const [after] = await startInSql(server)
  if (after !== undefined) expect(typesOf(await worker.history(after))).toEqual(once)
})

test('a worker that receives no notification finds tasks within its sweep interval', async () => {
  await using fixture = await startTestEngine({ definitions, config: { SWEEP_MS: 100 } })
  // Too new to be one that lost its wake-up.
  await fixture.database.pool.query(
    `with queued as (
       insert into tidings.task (id, kind, status, owner, input, max_attempts, progress, queue_key, created_at)
       values ('task_silent', 'WORK', 'QUEUED', 'u_1', '{}', 1, '{}', now(), now() + interval '1 hour')
     ), announced as (
       insert into tidings.started_task (task_id, kind) values ('task_silent', 'WORK')
     ) insert into tidings.topic (name) values ('task:task_silent')`,
  )
  expect(typesOf(await fixture.history({ id: 'task_silent', kind: 'WORK' }))).toEqual(['TaskStarted', 'TaskCompleted'])
})

test('an input that does not fit fails the task, and a kind that no worker knows waits for one that does', async () => {
  const warnings: string[] = []
  const logger = createLogger({
    level: 'warn',
    production: true,
    destination: { write: (line) => warnings.push(line) },
  })
  await using fixture = await startTestEngine({ definitions, config: notified, logger })
  const [wrong, unknown] = [
    ...(await startInSql(fixture, { input: '{"name": 7}' })),
    ...(await startInSql(fixture, { kind: 'LATER' })),
  ]
  if (wrong === undefined || unknown === undefined) throw new Error('nothing was started')
  expect((await fixture.history(wrong)).at(-1)).toMatchObject({
    type: 'TaskFailed',
    payload: { error: { code: 'INVALID_INPUT', message: expect.stringContaining('name') } },
  })
  expect(await fixture.get(unknown)).toMatchObject({ status: 'QUEUED', maxAttempts: 3 })
  expect(await countRows(fixture)).toBe(1)
  await expect
    .poll(() => warnings.map((line) => JSON.parse(line)))
    .toMatchObject([{ kind: 'LATER', msg: 'started tasks of a kind that no worker runs; they wait for one' }])
  await using later = await startTestEngine({ definitions: [createKind('LATER')], config: notified, on: fixture.test })
  expect(typesOf(await later.history(unknown))).toEqual(once)
})
