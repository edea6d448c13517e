import { expect, test, vi } from 'vitest'
import { createAudit } from '../../src/audit/audit.ts'
import { pruneAuditLog, readAuditLog } from '../../src/audit/audit-log.ts'
import { connectDatabase } from '../../src/db/connect.ts'
import { createPruner } from '../../src/log/event-retention.ts'
import { silentLogger } from '../../src/logger.ts'
import { createDatabaseProxy } from '../log/support.ts'
import { createTestDatabase } from '../support/database.ts'

const caller = { userId: 'u_1', address: '192.0.2.1', userAgent: 'test' }
const all = { filter: {}, limit: 100 }

test('facts are in the database soon, and all of them after disposing', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  const audit = createAudit({ database, logger: silentLogger, everyMs: 20 })
  audit.note('CONNECTED', caller, { subject: 'ws' })
  await vi.waitFor(async () => expect(await readAuditLog(database, all)).toHaveLength(1))
  expect(audit.writtenAt).toBeInstanceOf(Date)
  for (let i = 0; i < 1_200; i++) audit.note('SUBSCRIBED', { ...caller, userId: `u_${i}` }, { subject: `task:${i}` })
  await audit[Symbol.asyncDispose]()
  const { rows } = await database.pool.query('select count(*) as count from tidings.audit')
  expect(rows).toEqual([{ count: 1_201 }])
  expect(await readAuditLog(database, { ...all, filter: { userId: 'u_7' } })).toMatchObject([
    { event: 'SUBSCRIBED', userId: 'u_7', address: '192.0.2.1', userAgent: 'test', subject: 'task:7', count: 1 },
  ])
})

test('the first fact after a quiet period does not wait for the next write, so that a killed process has recorded it', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  await using audit = createAudit({ database, logger: silentLogger, everyMs: 3_600_000 })
  audit.note('CONNECTED', caller, { subject: 'ws' })
  audit.note('REFUSED', caller, { reason: 'token' })
  await vi.waitFor(async () => expect(await readAuditLog(database, all)).toHaveLength(2))
  audit.note('LIMITED', caller, { reason: 'body' })
  await audit.flush()
  expect(await readAuditLog(database, all)).toHaveLength(3)
})

test('no fact is lost while the database is unavailable', async () => {
  await using test = await createTestDatabase()
  const { proxy: opened, url } = await createDatabaseProxy(test.url)
  await using proxy = opened
  await using database = await connectDatabase({ url, maxConnections: 2, logger: silentLogger })
  await using audit = createAudit({ database, logger: silentLogger, everyMs: 20 })
  proxy.refuse()
  proxy.resetAll()
  for (let i = 0; i < 500; i++) audit.note('REFUSED', { ...caller, userId: null }, { reason: 'token' })
  await audit.flush()
  expect(audit.writtenAt).toBeNull()
  await proxy.accept()
  await vi.waitFor(async () => expect(await readAuditLog(test.database, all)).toMatchObject([{ count: 500 }]))
})

test('entries are kept for the retention period', async () => {
  await using test = await createTestDatabase()
  const { database } = test
  await using audit = createAudit({ database, logger: silentLogger })
  for (const address of ['old', 'old, but still going on', 'young']) audit.note('REFUSED', { ...caller, address })
  await audit.flush()
  await database.pool.query(`update tidings.audit set at = now() - interval '91 days' where address like 'old%'`)
  await database.pool.query(`update tidings.audit set until = at where address = 'old'`)
  await using pruner = createPruner({
    database,
    logger: silentLogger,
    everyMs: 60_000,
    retentionHours: 1,
    idempotencyHours: 1,
    others: [(maxRows) => pruneAuditLog(database, { keptDays: 90, maxRows })],
  })
  await pruner.run()
  const left = await readAuditLog(database, all)
  expect(left.map(({ address }) => address)).toEqual(['young', 'old, but still going on'])
})
