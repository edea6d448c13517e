import { expect, test } from 'vitest'
import { issueToken } from '../../examples/authentication/token.ts'
import { createTestDatabase } from '../support/database.ts'
import { startProcess, type TestProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'

const secret = 'a secret of at least 32 characters'

test('the example runs as a server and a worker of their own, which hand over and exit on SIGTERM', async () => {
  await using database = await createTestDatabase({ empty: true })
  await using redis = await startRedis()
  const run = (...args: readonly string[]): TestProcess =>
    startProcess(
      new URL('../../src/cli/main.ts', import.meta.url),
      [args[0] ?? '', 'examples/deployment/tidings.ts', ...args.slice(1)],
      { DATABASE_URL: database.url, REDIS_URL: redis.url, JWT_SECRET: secret, NODE_OPTIONS: '' },
      new URL('../../', import.meta.url).pathname,
    )
  await using migration = run('migrate')
  expect(await migration.ended).toBe(0)
  await using worker = run('worker')
  await using server = run('start', '--no-worker', '--port', '0')
  let url: string | undefined
  while (url === undefined) url = /http:\S+(?=\/graphql)/.exec(await server.readLine())?.[0]

  const health = await fetch(`${url}/health/ready`)
  expect([health.status, await health.json()]).toMatchObject([200, { bus: 'connected' }])
  const query =
    'mutation { exportReport(input: { reportId: "r", pages: 3 }) { ... on ExportReportSuccess { task { id } } } }'
  const authorization = `Bearer ${await issueToken(secret, 'user_ada')}`
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization, origin: 'https://app.example.com' },
    body: JSON.stringify({ query }),
  })
  const { data } = (await response.json()) as { data: { exportReport: { task: { id: string } } } }
  const watch = 'subscription ($id: ID!) { taskProgress(taskId: $id, fromStart: true) { __typename } }'
  const variables = JSON.stringify({ id: data.exportReport.task.id })
  const stream = await fetch(`${url}/graphql?${new URLSearchParams({ query: watch, variables })}`, {
    headers: { accept: 'text/event-stream', authorization },
  })
  expect(await stream.text()).toContain('"__typename":"TaskCompleted"')

  server.kill('SIGTERM')
  worker.kill('SIGTERM')
  expect(await Promise.all([server.ended, worker.ended])).toEqual([0, 0])
})
