import { expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { silentLogger } from '../../src/logger.ts'
import { createLegacyDatabase } from '../support/legacy-database.ts'

test('the migration creates the attempts of existing tasks from their events', async () => {
  await using legacy = await createLegacyDatabase()
  const { pool } = legacy.database
  await legacy.migrateBefore('0015')
  await pool.query(
    `insert into task (id, kind, status, owner, input, attempt, max_attempts, progress, queue_key, created_at)
     select id, 'X', status, 'u_1', '{}', attempt, 4, '{}', now(), now()
     from (values ('running', 'RUNNING', 4), ('queued', 'QUEUED', 0), ('pruned', 'COMPLETED', 1)) as k(id, status, attempt)`,
  )
  const events: readonly (readonly [string, object])[] = [
    ['TaskQueued', {}],
    ['TaskStarted', { attempt: 1 }],
    ['TaskRetrying', { error: { code: 'WORKER_LOST' } }],
    ['TaskStarted', { attempt: 2 }],
    ['TaskAdvanced', {}],
    ['TaskRetrying', { error: { code: 'WORKER_SHUT_DOWN' } }],
    ['TaskStarted', { attempt: 3 }],
    ['TaskRetrying', { error: { code: 'BUSY' } }],
    ['TaskStarted', { attempt: 4 }],
    ['TaskAdvanced', {}],
  ]
  for (const [index, [type, payload]] of events.entries())
    await pool.query(
      `insert into event (topic, seq, type, at, payload) values ('task:running', $1::int, $2, to_timestamp($1::int), $3)`,
      [index + 1, type, JSON.stringify(payload)],
    )
  await migrate(legacy.database, silentLogger)
  const { rows } = await pool.query<{ id: string; max_attempts: number; attempts: { [name: string]: unknown }[] }>(
    'select id, max_attempts, attempts from tidings.task order by id',
  )
  const at = (seconds: number) => new Date(seconds * 1_000)
  const read = ({ startedAt, finishedAt, ...rest }: { [name: string]: unknown }) => ({
    startedAt: new Date(String(startedAt)),
    ...(finishedAt === undefined ? {} : { finishedAt: new Date(String(finishedAt)) }),
    ...rest,
  })
  expect(rows.map((row) => ({ ...row, attempts: row.attempts.map(read) }))).toEqual([
    { id: 'pruned', max_attempts: 4, attempts: [] },
    { id: 'queued', max_attempts: 4, attempts: [] },
    {
      id: 'running',
      // One less for the hand-over that had raised it.
      max_attempts: 3,
      attempts: [
        { attempt: 1, startedAt: at(2), finishedAt: at(3), outcome: 'WORKER_LOST', error: { code: 'WORKER_LOST' } },
        { attempt: 2, startedAt: at(4), finishedAt: at(6), outcome: 'HANDED_OVER' },
        { attempt: 3, startedAt: at(7), finishedAt: at(8), outcome: 'FAILED', error: { code: 'BUSY' } },
        { attempt: 4, startedAt: at(9) },
      ],
    },
  ])
})
