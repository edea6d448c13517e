import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { entries, measureEntry } from '../../../client/build.ts'

test.for(Object.keys(entries))('tidings/%s stays as small as it says', async (name) => {
  expect(await measureEntry(name)).toBeLessThanOrEqual(entries[name]?.maxGzipBytes ?? 0)
})

test('a program that watches a task stays until it is over, and ends once it has disposed of its client', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-client-'))
  const client = fileURLToPath(new URL('../../../client/index.ts', import.meta.url))
  const program = join(directory, 'program.ts')
  await writeFile(
    program,
    `import { createTidingsClient } from ${JSON.stringify(client)}
     const client = createTidingsClient({ url: 'http://127.0.0.1:9/graphql', timing: { backoffMs: 1, maxBackoffMs: 5 } })
     client.connection.subscribe(() => {
       if (client.connection.getSnapshot().attempt > 3) {
         console.log('still here')
         void client.dispose()
       }
     })`,
  )
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  await rm(directory, { recursive: true })
  expect({ code, said }).toEqual({ code: 0, said: 'still here\n' })
})
