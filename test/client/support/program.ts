import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Runs a program that uses the client, in a separate process, until it exits.
 * @param source - its body
 */
export async function runProgram(source: string): Promise<{ readonly code: unknown; readonly said: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-client-'))
  const client = fileURLToPath(new URL('../../../client/index.ts', import.meta.url))
  const program = join(directory, 'program.mts')
  await writeFile(program, `import { createTidingsClient } from ${JSON.stringify(client)}\n${source}`)
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  await rm(directory, { recursive: true })
  return { code, said }
}
