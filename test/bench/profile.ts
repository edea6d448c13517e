/**
 * Profiles the server:
 * `node test/bench/profile.ts [--topics 1000] [--subscribers 1] [--per-turn 1] [--contestant Tidings] [--lines 25]`.
 * Prints the time of a delivery by area, and each function's own share of the busy time, from a
 * profile of three seconds after warming up.
 */
import { parseArgs } from 'node:util'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { silentLogger } from '../../src/logger.ts'
import { createTestDirectory } from '../support/directory.ts'
import { timeByArea } from './areas.ts'
import { profileFanOut } from './cases.ts'
import { contestants } from './contestants.ts'

const { values } = parseArgs({
  options: {
    topics: { type: 'string', default: '1000' },
    subscribers: { type: 'string', default: '1' },
    'per-turn': { type: 'string', default: '1' },
    contestant: { type: 'string', default: 'Tidings' },
    lines: { type: 'string', default: '25' },
  },
})
const contestant = contestants.find(({ name }) => name.includes(values.contestant))
if (contestant === undefined || contestant.needs.redis !== contestant.needs.postgres)
  throw new Error(
    `--contestant ${values.contestant}: "bare ws", "Socket.IO" and "Tidings" can be profiled without a Redis`,
  )
await using directory = await createTestDirectory({ isOnDisk: true })
await using postgres = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger: silentLogger })
const { shares, usPerDelivery } = await profileFanOut(
  contestant,
  { DATABASE_URL: postgres.url },
  { topics: Number(values.topics), subscribers: Number(values.subscribers), perTurn: Number(values['per-turn']) },
)
console.log(`${usPerDelivery.toFixed(1)} µs of a core for each delivery`)
for (const { area, us } of timeByArea({ shares, usPerDelivery }))
  console.log(`${us.toFixed(2).padStart(8)} µs  ${area}`)
for (const { name, share } of shares.slice(0, Number(values.lines)))
  console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
