import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { defineTask, stage } from 'tidings'
import { createTestTidings } from 'tidings/testing'
import { z } from 'zod'

const syncCalendar = defineTask({
  kind: 'SYNC_CALENDAR',
  input: z.object({}),
  errors: { BUSY: z.object({}) },
  retry: { BUSY: { afterMs: 3_600_000 } },
  async *run({ attempt, errors }) {
    yield stage('syncing')
    if (attempt === 1) errors.BUSY({})
  },
})

test('a busy calendar is synced an hour later', async () => {
  await using tidings = await createTestTidings({
    tasks: [syncCalendar],
    databaseUrl: process.env['DATABASE_URL'],
    waitMs: 60_000,
  })
  const id = await tidings.start(syncCalendar, {})
  const { error } = await tidings.until(id, 'RETRYING')
  equal(error?.code, 'BUSY')
  await tidings.advance(3_600_000)
  const { attempt } = await tidings.until(id, 'COMPLETED')
  equal(attempt, 2)
})
