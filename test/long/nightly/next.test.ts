import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startBrowser } from '../../e2e/support/browser.ts'
import { createTestDatabase } from '../../support/database.ts'
import { installPacked, root, runIn } from '../../support/packed.ts'
import { findFreePort } from '../../support/port.ts'

test('runs in Next.js: route handlers, a worker in the server, and a page over event streams', async () => {
  const { directory } = await installPacked(
    ...['next@16', 'react@19', 'react-dom@19', '@types/react@19', '@types/node@24', 'typescript@5', 'graphql-yoga@5'],
    ...['urql', '@urql/core', '@urql/exchange-graphcache', 'wonka', 'graphql-ws'],
  )
  await using _ = directory
  await cp(`${root}examples/next`, directory.path, { recursive: true })
  await cp(`${root}examples/http/tasks.ts`, directory.join('tasks.ts'))
  const options = { allowImportingTsExtensions: true, noEmit: true, strict: true, skipLibCheck: true }
  await writeFile(directory.join('tsconfig.json'), JSON.stringify({ compilerOptions: options }))
  await runIn(directory.path, 'npx', 'tidings', 'schema', '--output', 'tidings.gen.ts')
  // Checks the types, too.
  await runIn(directory.path, 'npx', 'next', 'build')

  await using database = await createTestDatabase({ empty: true })
  const port = await findFreePort()
  const server = spawn(
    process.execPath,
    ['node_modules/next/dist/bin/next', 'start', '-p', String(port), '-H', '127.0.0.1'],
    {
      cwd: directory.path,
      env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: database.url, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => {
    if (server.kill()) await once(server, 'close')
  })
  for await (const line of server.stdout) if (String(line).includes('Ready')) break
  server.stdout.resume()

  await using browser = await startBrowser()
  const page = await browser.newPage()
  const failures: string[] = []
  page.on('pageerror', (error) => failures.push(error.message))
  await page.goto(`http://127.0.0.1:${port}`)
  await page.getByRole('button', { name: 'Export 20 pages' }).click()
  await page.getByRole('progressbar').waitFor()
  await page.getByRole('link', { name: '20 pages' }).waitFor()
  expect(failures).toEqual([])
})
