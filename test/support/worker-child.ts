/**
 * A process that runs an engine as a worker, for tests that end such a process in every way:
 * `node worker-child.ts DATABASE_URL CONFIG [ATTEMPTS]`, with CONFIG as JSON. Runs tasks of the
 * kind `STEADY` and prints its reports, after one line `ready <worker>`. SIGTERM shuts it down
 * gracefully.
 */
import { connectDatabase } from '../../src/db/connect.ts'
import { silentLogger } from '../../src/logger.ts'
import { type EngineConfig, startEngine } from '../../src/tasks/engine.ts'
import { createSteadyKind } from './test-kinds.ts'

const [url = '', config = '{}', attempts = '3'] = process.argv.slice(2)
const database = await connectDatabase({ url, maxConnections: 5, logger: silentLogger })
const engine = await startEngine({
  config: JSON.parse(config) as EngineConfig,
  database,
  definitions: [createSteadyKind((line) => console.log(line), Number(attempts))],
  logger: silentLogger,
})
const forever = setInterval(() => undefined, 60_000)
async function end(): Promise<void> {
  await engine[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  console.log('ended in order')
  clearInterval(forever)
}
process.once('SIGTERM', () => void end())
console.log(`ready ${engine.worker?.id}`)
