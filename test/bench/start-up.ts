import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'

/** The time from the start of the process until it is ready, in milliseconds. */
export interface StartUp {
  /** Without any data: the database is created and migrated first. */
  readonly firstMs: number
  readonly laterMs: number
}

const hangMs = 60_000
const everyMs = 10

/** Measures `npm start`, without npm: with its own database, and with no other service. */
export async function measureStartUp(): Promise<StartUp> {
  await using directory = await createTestDirectory({ isOnDisk: true })
  const dataDir = directory.join('data')
  return { firstMs: await startOnce(dataDir), laterMs: await startOnce(dataDir) }
}

async function startOnce(dataDir: string): Promise<number> {
  const port = await findFreePort()
  const startedAt = performance.now()
  const server = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PORT: String(port), PREVIEW_PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'error' },
  })
  const exited = once(server, 'exit')
  try {
    for (;;) {
      const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return performance.now() - startedAt
      if (server.exitCode !== null || performance.now() - startedAt > hangMs)
        throw new Error('The server did not start')
      await delay(everyMs)
    }
  } finally {
    server.kill('SIGTERM')
    await exited
  }
}
