/**
 * `npm run faults`: causes faults in a running system and checks that no subscriber lost, repeated,
 * reordered or altered an event; `npm run faults -- --help` describes the options.
 *
 * - `history/` is the checker: a history and the log in, violations out. It knows nothing of the
 *   engine, and has mutants of its own (`history/mutants.ts`).
 * - `rig/` is the system under test: processes, proxies, load, recorder, and the course of one run.
 * - `subscribers/` are the clients, one file per kind.
 * - `kinds/` are the faults, a table per part of the system.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type FaultsRequest, readArguments } from './arguments.ts'

const ownPath = fileURLToPath(import.meta.url)

/** Returns the request of the arguments. Exits when they ask for a text, or are invalid. */
function readRequest(): FaultsRequest {
  try {
    const request = readArguments(process.argv.slice(2))
    if (typeof request !== 'string') return request
    process.stdout.write(request)
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nAll options: npm run faults -- --help\n`)
    process.exit(1)
  }
}

const request = readRequest()
if ('EventSource' in globalThis) {
  const { runCampaign } = await import('./campaign.ts')
  process.exit((await runCampaign(request)) ? 0 : 1)
}
// Node has an EventSource, behind an option that must be set at the start.
const child = spawn(process.execPath, ['--experimental-eventsource', ownPath, ...process.argv.slice(2)], {
  stdio: 'inherit',
})
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(name))
child.once('exit', (code) => process.exit(code ?? 1))
