import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Entry } from '../faults/history/history.ts'
import { createTestDirectory } from '../support/directory.ts'
import { runRig } from '../support/rig.ts'

const transports = { websocket: ['websocket', 'nginx-websocket'], 'event stream': ['sse', 'nginx-sse', 'event-source'] }

test.for([
  ['nginx', 'server'],
  ['haproxy', 'cluster'],
])(
  'eight servers restart one after the other behind %s, with the Redis %s, and every subscriber receives everything once',
  { timeout: 1_800_000 },
  async ([proxy = '', redis = '']) => {
    await using directory = await createTestDirectory()
    const load = [
      '--seed',
      '1',
      '--rate',
      '0.3',
      '--servers',
      '8',
      '--workers',
      '4',
      '--proxy',
      proxy,
      '--redis',
      redis,
    ]
    const history = ['--keep', '--directory', directory.path]
    const output = await runRig(...load, ...history, '--fault', 'servers SIGTERM, one after the other')
    console.info(output.trim().split('\n').at(-1))
    // An error that a subscriber sees is a violation, too.
    expect(output).toMatch(/^1 runs, [1-9]\d+ deliveries checked, 0 violations, 0 faults not caused$/m)
    const [file = ''] = (await readdir(directory.path)).filter((name) => name.endsWith('.jsonl'))
    const lines = (await readFile(directory.join(file), 'utf8')).trim().split('\n')
    const entries = lines.map((line) => JSON.parse(line) as Entry)
    for (const [transport, kinds] of Object.entries(transports)) {
      const subscriptions = new Set(
        entries.flatMap((entry) => (entry.is === 'subscribed' && kinds.includes(entry.client) ? [entry.sub] : [])),
      )
      const deliveries = entries.filter((entry) => entry.is === 'delivered' && subscriptions.has(entry.sub)).length
      console.info(`${subscriptions.size} subscriptions and ${deliveries} deliveries over ${transport}`)
      expect(deliveries).toBeGreaterThan(1_000)
    }
  },
)
