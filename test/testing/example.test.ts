import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Recording } from 'tidings/testing'
import { expect, test } from 'vitest'
import recording from '../../examples/testing/export-report.json' with { type: 'json' }
import { createTestDirectory } from '../support/directory.ts'
import { root } from '../support/packed.ts'

const files = ['export-report.test.ts', 'sync-calendar.test.ts']

test('the examples run with the test runner of Node and the embedded PostgreSQL, and leave nothing behind', async () => {
  await using directory = await createTestDirectory()
  await using output = await createTestDirectory()
  const { DATABASE_URL: _, ...env } = process.env
  await promisify(execFile)(process.execPath, ['--test', ...files.map((file) => `examples/testing/${file}`)], {
    cwd: root,
    env: { ...env, NODE_OPTIONS: '', TMPDIR: directory.path, RECORD: output.join('recording.json') },
  })
  await expect.poll(() => readdir(directory.path)).toEqual([])
  // The recording of the test of the page is the one that this version writes.
  const recorded = JSON.parse(await readFile(output.join('recording.json'), 'utf8')) as Recording
  const shapeOf = ({ task, events, ...rest }: Recording) => ({
    ...rest,
    task: Object.keys(task),
    events: events.map((event) => [event.__typename, ...Object.keys(event)]),
  })
  expect(shapeOf(recorded)).toEqual(shapeOf(recording))
})
