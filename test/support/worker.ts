import type { EngineConfig } from '../../src/tasks/engine.ts'
import { testEngineConfig } from './engine.ts'
import { startProcess, type TestProcess } from './processes.ts'

/**
 * Starts a process that runs tasks of the kind `STEADY` and prints their reports; see
 * worker-child.ts.
 *
 * @param options.attempts - of the kind; 3 by default
 */
export async function startWorkerProcess(
  databaseUrl: string,
  redisUrl: string,
  options: { config?: Partial<EngineConfig>; attempts?: number } = {},
): Promise<TestProcess> {
  const config: EngineConfig = { ...testEngineConfig, ROLE: 'worker', REDIS_URL: redisUrl, ...options.config }
  const child = startProcess(new URL('./worker-child.ts', import.meta.url), [
    databaseUrl,
    JSON.stringify(config),
    String(options.attempts ?? 3),
  ])
  const line = await child.readLine()
  if (!line.startsWith('ready ')) throw new Error(`A worker said "${line}" instead of "ready"`)
  return child
}
