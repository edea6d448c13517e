import { expect, it } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { silentLogger } from '../../src/logger.ts'
import { type App, startApp } from '../../src/main/app.ts'
import { createTestDatabase } from '../support/database.ts'

const start = (url: string, environment: Record<string, string> = {}): Promise<App> =>
  startApp({
    config: parseConfig({ NODE_ENV: 'test', PORT: '0', DATABASE_URL: url, FIRST_RUN: 'false', ...environment }),
    logger: silentLogger,
  })
const read = (app: App): Promise<Response> => fetch(`${app.server?.url ?? ''}/metrics`)

it('tells Prometheus what the process counts', async () => {
  await using test = await createTestDatabase()
  await using app = await start(test.url)
  const response = await read(app)
  const text = await response.text()
  expect(response.headers.get('content-type')).toContain('text/plain')
  expect(text).toContain('tidings_events_repaired_total 0')
  expect(text).toContain('tidings_connections{transport="ws"} 0')
  expect(text).toContain('tidings_attempts_total{outcome="completed"} 0')
  expect(text).toContain('nodejs_eventloop_lag_seconds')
})

it('tells nobody when it is off', async () => {
  await using test = await createTestDatabase()
  await using app = await start(test.url, { METRICS: 'off' })
  expect((await read(app)).status).toBe(404)
})
