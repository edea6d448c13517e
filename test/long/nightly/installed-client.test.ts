import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { build, preview } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Site, startSite } from '../../client/support/site.ts'
import { shareBrowser } from '../../e2e/support/browser.ts'
import { createTestDirectory } from '../../support/directory.ts'
import { findFreePort } from '../../support/port.ts'

/**
 * The client as its users have it: built, packed, installed from the package beside their own
 * versions of React, bundled by their tools, and run in a browser on another origin. Needs the
 * npm registry.
 */

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))
/** Without the settings of npm's and vitest's own processes. */
const environment = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV|VITE|NODE_OPTIONS)/.test(name)),
  ),
  NEXT_TELEMETRY_DISABLED: '1',
}

let browser: Browser
let archive: string
let stack: AsyncDisposableStack
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  browser = await shareBrowser()
  const directory = stack.use(await createTestDirectory()).path
  await run(process.execPath, ['packages/build.ts'], { cwd: root, env: environment })
  await run('npm', ['pack', './dist/tidings', '--pack-destination', directory], { cwd: root, env: environment })
  archive = join(directory, (await readdir(directory)).find((name) => name.endsWith('.tgz')) ?? '')
})
afterAll(() => stack?.disposeAsync())

/** Writes an application and installs its packages and the client. @returns its directory */
async function install(packages: readonly string[], files: Readonly<Record<string, string>>): Promise<string> {
  const { path } = stack.use(await createTestDirectory())
  for (const [name, text] of Object.entries({ 'package.json': '{"private":true,"type":"module"}', ...files })) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text)
  }
  await run('npm', ['install', '--no-audit', '--no-fund', archive, 'urql', ...packages], {
    cwd: path,
    env: environment,
  })
  return path
}

/** The page's own component: it watches the task that its address names. */
const watch = (version: string) => `
import { version } from 'react'
import { createTidingsClient } from 'tidings/client'
import { ConnectionIndicator, ProgressBar, TidingsProvider, useStart, useTask } from 'tidings/react'

// As \`tidings schema\` writes it.
const count = {
  kind: 'GENERATE_PROJECT',
  mutation: 'generateProject',
  inputType: 'GenerateProjectInput!',
  successType: 'GenerateProjectSuccess',
  result: null,
  details: null,
}

function Watch({ taskId }) {
  const { task: started } = useStart(count)
  const { task, error } = useTask(count, taskId)
  if (started !== null || error !== null) return String(error)
  return task === null ? 'Loading' : <><ProgressBar task={task} label="Count" /><output>{task.status}</output></>
}

let client
export function App({ url, taskId }) {
  client ??= createTidingsClient({ url })
  return (
    <TidingsProvider client={client}>
      <h1>{version.startsWith('${version}') ? 'As expected' : version}</h1>
      <ConnectionIndicator />
      <Watch taskId={taskId} />
    </TidingsProvider>
  )
}
`

/** Opens the application for a new task, and expects the page to follow it to its end. */
async function expectLive(site: Site, url: string): Promise<void> {
  const taskId = await site.count(3)
  await using context = await browser.newContext()
  const page: Page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) errors.push(message.text())
  })
  await page.goto(`${url}/?${new URLSearchParams({ task: taskId, url: `${site.server.url}/graphql` })}`)
  await page.getByRole('heading', { name: 'As expected' }).waitFor()
  await page.getByText('RUNNING', { exact: true }).waitFor()
  site.step(1)
  await page.locator('[role="progressbar"][aria-valuenow="33"]').waitFor()
  site.step(2)
  await page.getByText('COMPLETED', { exact: true }).waitFor()
  expect(errors).toEqual([])
}

describe('the packed client', () => {
  test.for(['18.2.0', '19'])('works with React %s, bundled by vite', async (version) => {
    const directory = await install([`react@${version}`, `react-dom@${version}`], {
      'index.html':
        '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/main.jsx"></script>',
      'app.jsx': watch(version.split('.')[0] ?? ''),
      'main.jsx': `
        import 'tidings/styles.css'
        import { StrictMode } from 'react'
        import { createRoot } from 'react-dom/client'
        import { App } from './app.jsx'
        const params = new URLSearchParams(location.search)
        createRoot(document.getElementById('root')).render(
          <StrictMode><App url={params.get('url')} taskId={params.get('task')} /></StrictMode>,
        )
      `,
    })
    await build({ root: directory, configFile: false, logLevel: 'error' })
    const port = await findFreePort()
    const server = await preview({ root: directory, configFile: false, preview: { port, host: '127.0.0.1' } })
    stack.defer(() => server.close())
    const url = `http://127.0.0.1:${port}`
    await using site = await startSite({ ALLOWED_ORIGINS: url })
    await expectLive(site, url)
  })

  test('is rendered by a server component of Next.js, and continues in the browser', async () => {
    const directory = await install(['next@16', 'react@19', 'react-dom@19'], {
      'app/layout.jsx': `
        import 'tidings/styles.css'
        export const metadata = { icons: 'data:,' }
        export default function Layout({ children }) {
          return <html lang="en"><body>{children}</body></html>
        }
      `,
      'app/page.jsx': `
        import { QueuePosition } from 'tidings/react'
        import { App } from './app.jsx'
        export default async function Page({ searchParams }) {
          const { url, task } = await searchParams
          return <><QueuePosition queue={null} /><App url={url} taskId={task} /></>
        }
      `,
      'app/app.jsx': `'use client'\n${watch('19')}`,
    })
    const next = join(directory, 'node_modules/next/dist/bin/next')
    await run(process.execPath, [next, 'build'], { cwd: directory, env: environment })
    const port = await findFreePort()
    const server = spawn(process.execPath, [next, 'start', '-p', String(port), '-H', '127.0.0.1'], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    stack.defer(async () => {
      const closed = once(server, 'close')
      server.kill()
      await closed
    })
    for await (const line of server.stdout) if (String(line).includes('Ready')) break
    const url = `http://127.0.0.1:${port}`
    await using site = await startSite({ ALLOWED_ORIGINS: url })
    await expectLive(site, url)
  })
})
