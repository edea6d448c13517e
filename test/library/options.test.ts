import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/library/define-task.ts'
import { readOptions, type TidingsOptions } from '../../src/library/options.ts'
import { stage } from '../../src/tasks/model/report.ts'

test('converts options to the settings of the engine, without reading the environment', () => {
  process.env['LEASE_MS'] = '7000'
  try {
    expect(readOptions({}).LEASE_MS).toBe(10_000)
  } finally {
    delete process.env['LEASE_MS']
  }
  const config = readOptions(
    {
      databaseUrl: 'postgres://localhost/app',
      leaseMs: 3_000,
      graphiql: false,
      allowedOrigins: ['https://app.example.com', 'https://www.example.com'],
      taskRetentionDays: { '*': 30, EXPORT_REPORT: 1 },
    },
    { host: '::1', port: 0 },
  )
  expect(config).toMatchObject({
    DATABASE_URL: 'postgres://localhost/app',
    LEASE_MS: 3_000,
    GRAPHIQL: false,
    ALLOWED_ORIGINS: ['https://app.example.com', 'https://www.example.com'],
    TASK_RETENTION_DAYS: { '*': 30, EXPORT_REPORT: 1 },
    HOST: '::1',
    PORT: 0,
  })
})

test.each<[string, Partial<TidingsOptions>, { host?: string }, string]>([
  ['a value that is not allowed', { leaseMs: 1 }, {}, 'leaseMs is "1"; allowed: at least 500'],
  [
    'options without one that they need',
    { queueBackend: 'redis' },
    {},
    'queueBackend is "redis" and redisUrl is not set',
  ],
  ['an address for others without callers', {}, { host: '0.0.0.0' }, 'neither jwtSecret nor jwksUrl is set'],
  [
    'two ways to authenticate callers',
    { authenticate: () => null, jwtSecret: 'x'.repeat(32) },
    {},
    'callers are authenticated by a function, and jwtSecret or jwksUrl is set',
  ],
])('refuses %s by the names of options', (_, options, address, message) => {
  expect(() => readOptions(options, address)).toThrow(message)
})

test('keeps finished tasks of a kind as long as the kind declares, unless the options name it', () => {
  const task = (kind: string, retentionDays?: number) =>
    defineTask({
      kind,
      input: z.object({}),
      ...(retentionDays === undefined ? {} : { retentionDays }),
      async *run() {
        yield stage('working')
      },
    })
  const tasks = [task('A', 7), task('B', 0), task('C')]
  expect(readOptions({ tasks, taskRetentionDays: { '*': 30, B: 1 } }).TASK_RETENTION_DAYS).toEqual({
    '*': 30,
    A: 7,
    B: 1,
  })
})

test('lets a server with a function for its callers listen on every address', () => {
  expect(readOptions({ authenticate: () => null, nodeEnv: 'production' }, { host: '0.0.0.0' }).HOST).toBe('0.0.0.0')
})
