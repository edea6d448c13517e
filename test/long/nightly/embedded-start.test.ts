import { chmod, cp, lstat, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { findBinaries, linkLibraries, readMajorVersion } from '../../../src/db/embedded/binaries.ts'
import { startEmbeddedPostgres } from '../../../src/db/embedded.ts'
import { createLogger, silentLogger } from '../../../src/logger.ts'
import { isRunning, query, readPostmasterPid } from '../../db/embedded-tools.ts'
import { createTestDirectory } from '../../support/directory.ts'

const isRoot = process.getuid?.() === 0
const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, logger: silentLogger })

describe('startEmbeddedPostgres', () => {
  test('creates a database at the first start that responds and is durable', async () => {
    await using directory = await createTestDirectory()
    await using postgres = await start(directory.join('data'))
    expect(postgres.dataDir).toBe(directory.join('data'))
    const [settings] = await query(
      postgres.url,
      `select current_database() as name, current_setting('fsync') as fsync,
        current_setting('synchronous_commit') as synchronous_commit, current_setting('server_encoding') as encoding,
        current_setting('max_connections') as max_connections, lower('ÄÉ') as lower, 'B' < 'a' as by_code_point`,
    )
    expect(settings).toEqual({
      name: 'tidings',
      fsync: 'on',
      synchronous_commit: 'on',
      encoding: 'UTF8',
      max_connections: '200',
      lower: 'äé',
      by_code_point: true,
    })
  })

  test('listens on a socket only, with a password that only its owner can read', async () => {
    await using directory = await createTestDirectory()
    await using postgres = await start(directory.join('data'))
    expect(await query(postgres.url, `select current_setting('listen_addresses') as addresses`)).toEqual([
      { addresses: '' },
    ])
    expect((await stat(directory.join('data', 'password'))).mode & 0o777).toBe(0o600)
    const guess = new URL(postgres.url)
    guess.password = 'guess'
    await expect(query(guess.href, 'select 1')).rejects.toThrow('password authentication failed')
  })

  test('finds the data again at the second start, and leaves no process and no claim when it ends', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    const first = await start(dataDir)
    await query(first.url, 'create table kept as select 7 as id')
    const pid = await readPostmasterPid(dataDir)
    expect(await isRunning(pid)).toBe(true)
    await Promise.all([first[Symbol.asyncDispose](), first[Symbol.asyncDispose]()])
    expect(await isRunning(pid)).toBe(false)
    expect((await readdir(dataDir)).sort()).toEqual(['password', 'postgres', 'postgres.log'])
    await using second = await start(dataDir)
    expect(second.url).toBe(first.url)
    expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }])
  })

  test('ends while statements are running', async () => {
    await using directory = await createTestDirectory()
    const postgres = await start(directory.join('data'))
    const pid = await readPostmasterPid(directory.join('data'))
    const client = new pg.Client({ connectionString: postgres.url })
    client.on('error', () => undefined)
    await client.connect()
    const sleep = client.query('select pg_sleep(600)')
    const ended = expect(sleep).rejects.toThrow()
    await postgres[Symbol.asyncDispose]()
    await ended
    expect(await isRunning(pid)).toBe(false)
  })

  test('puts its socket elsewhere when the path of the data is too long for one', async () => {
    await using directory = await createTestDirectory()
    const postgres = await start(directory.join(...Array.from({ length: 10 }, () => 'a-rather-deep-folder'), 'data'))
    const socketDirectory = new URL(postgres.url).searchParams.get('host') ?? ''
    expect(socketDirectory.startsWith(postgres.dataDir)).toBe(false)
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await postgres[Symbol.asyncDispose]()
    await expect(stat(socketDirectory)).rejects.toThrow('ENOENT')
  })

  test('supports spaces, quotes and other letters in the path', async () => {
    await using directory = await createTestDirectory()
    await using postgres = await start(directory.join('Ünter "uns", hier & %20da', 'data'))
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('starts in an existing empty directory of mode 700', async () => {
    await using directory = await createTestDirectory()
    await mkdir(directory.join('data'), { mode: 0o700 })
    await using postgres = await start(directory.join('data'))
    expect(postgres.dataDir).toBe(directory.join('data'))
  })

  test('does not change the owner of a directory with other files in it', async () => {
    await using directory = await createTestDirectory()
    await writeFile(directory.join('mine'), '')
    const { uid } = await stat(directory.path)
    await using postgres = await start(directory.path)
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect((await stat(directory.path)).uid).toBe(uid)
  })

  test.runIf(isRoot)(
    'as root, below an inaccessible folder, puts the data elsewhere, prints where, and finds it again',
    async () => {
      await using directory = await createTestDirectory()
      await chmod(directory.path, 0o700)
      const lines: string[] = []
      const logger = createLogger({
        level: 'info',
        production: true,
        destination: { write: (line) => lines.push(line) },
      })
      const first = await startEmbeddedPostgres({ dataDir: directory.join('data'), logger })
      await using clean = new AsyncDisposableStack()
      clean.defer(() => rm(first.dataDir, { recursive: true }))
      expect(dirname(first.dataDir)).toBe('/var/lib/tidings')
      expect(lines.join('')).toContain(`"dataDir":"${first.dataDir}"`)
      await query(first.url, 'create table kept as select 7 as id')
      await first[Symbol.asyncDispose]()
      await using second = await start(directory.join('data'))
      expect(second.dataDir).toBe(first.dataDir)
      expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }])
    },
  )

  test('refuses data of another major version of PostgreSQL', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await (await start(dataDir))[Symbol.asyncDispose]()
    await writeFile(directory.join('data', 'postgres', 'PG_VERSION'), '15\n')
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('belongs to PostgreSQL 15, and the embedded one is 18'),
    })
  })

  test.each(['', '{"pid": 1', '{}', 'null'])(
    'starts although a claim or the password is incomplete, as after a power loss: %j',
    async (content) => {
      await using directory = await createTestDirectory()
      const dataDir = directory.join('data')
      const first = await start(dataDir)
      await query(first.url, 'create table kept as select 7 as id')
      await first[Symbol.asyncDispose]()
      await writeFile(directory.join('data', `owner-${process.pid}-0a1b2c3d.json`), content)
      await writeFile(directory.join('data', 'owner-999999999-0a1b2c3d.json.part'), content)
      await writeFile(directory.join('data', 'password'), content)
      await writeFile(directory.join('data', 'postgres', 'postmaster.pid'), content)
      const second = await start(dataDir)
      expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }])
      await second[Symbol.asyncDispose]()
      expect((await readdir(dataDir)).sort()).toEqual(['password', 'postgres', 'postgres.log'])
      // The new password is stored.
      expect((await stat(directory.join('data', 'password'))).mode & 0o777).toBe(0o600)
      await using third = await start(dataDir)
      expect(third.url).toBe(second.url)
    },
  )

  test('reports damaged data by name', async () => {
    await using directory = await createTestDirectory()
    await mkdir(directory.join('data', 'postgres'), { recursive: true })
    await writeFile(directory.join('data', 'postgres', 'PG_VERSION'), '')
    await expect(start(directory.join('data'))).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('is damaged (PG_VERSION is "")'),
    })
  })

  test('refuses a path that is a file', async () => {
    await using directory = await createTestDirectory()
    await writeFile(directory.join('data'), '')
    await expect(start(directory.join('data'))).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining(`The data cannot be kept in ${directory.join('data')}`),
    })
  })

  test('includes the log in its error when it cannot start, and releases the directory', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    const settings = { shared_buffers: 'plenty' }
    await expect(startEmbeddedPostgres({ dataDir, logger: silentLogger, settings })).rejects.toThrow(
      'invalid value for parameter "shared_buffers": "plenty"',
    )
    await using postgres = await start(dataDir)
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await readFile(directory.join('data', 'postgres.log'), 'utf8')).toContain('plenty')
  })

  test.runIf(process.platform === 'linux')('runs from a package with an install script that has not run', async () => {
    await using directory = await createTestDirectory()
    const installed = await findBinaries()
    const root = directory.join('native')
    await cp(installed.root, root, {
      recursive: true,
      filter: async (path) => !path.includes('/share') && !(await lstat(path)).isSymbolicLink(),
    })
    const copy = { ...installed, root, postgres: installed.postgres.replace(installed.root, root) }
    await expect(readMajorVersion(copy, undefined)).rejects.toThrow('error while loading shared libraries')
    await Promise.all([linkLibraries(root), linkLibraries(root)])
    expect(await readMajorVersion(copy, undefined)).toBe('18')
  })
})
