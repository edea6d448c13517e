import { equal } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { createTestTidings } from 'tidings/testing'
import { exportReport } from '../http/tasks.ts'

// The test runner of Node sets no limit, so this one may be long.
const options = { tasks: [exportReport], databaseUrl: process.env['DATABASE_URL'], waitMs: 60_000 }

test('a report is exported', async () => {
  await using tidings = await createTestTidings(options)
  const id = await tidings.start(exportReport, { reportId: 'report_1', pages: 3 })
  const { result } = await tidings.until(id, 'COMPLETED')
  equal(result.url, 'https://files.example.com/report_1.pdf')
  // For the test of the page.
  if (process.env['RECORD']) await writeFile(process.env['RECORD'], JSON.stringify(await tidings.record(id)))
})

test('a report survives the loss of its worker', async () => {
  await using tidings = await createTestTidings(options)
  const id = await tidings.start(exportReport, { reportId: 'report_1', pages: 3 })
  await tidings.until(id, 'RUNNING')
  await tidings.faults.killWorker()
  const { attempt } = await tidings.until(id, 'COMPLETED')
  equal(attempt, 2)
})

test('a report that is too long fails, for the user who asked for it', async () => {
  await using tidings = await createTestTidings(options)
  const ada = { viewer: { userId: 'ada' } }
  const { data } = await tidings.execute<{ exportReport: { task: { id: string } } }>(
    'mutation { exportReport(input: { reportId: "report_1", pages: 101 }) { ... on ExportReportSuccess { task { id } } } }',
    {},
    ada,
  )
  const { error } = await tidings.until<typeof exportReport>(data?.exportReport.task.id ?? '', 'FAILED')
  equal(error?.code, 'QUOTA')
})
