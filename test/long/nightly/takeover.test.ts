import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { startEmbeddedPostgres } from '../../../src/db/embedded.ts'
import { silentLogger } from '../../../src/logger.ts'
import { isRunning, query, readPostmasterPid } from '../../db/embedded-tools.ts'
import { createTestDirectory } from '../../support/directory.ts'
import { startProcess } from '../../support/processes.ts'

const script = new URL('../../support/embedded-child.ts', import.meta.url)
const start = (dataDir: string) => startEmbeddedPostgres({ dataDir, logger: silentLogger })

describe('an embedded PostgreSQL with an owner process that', () => {
  test('was killed is taken over with all committed data', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir])
    const url = await owner.readLine()
    await query(url, 'create table kept as select 7 as id')
    const abandoned = await readPostmasterPid(dataDir)
    owner.kill('SIGKILL')
    await owner.ended
    expect(await isRunning(abandoned)).toBe(true)

    const next = await start(dataDir)
    expect(await isRunning(abandoned)).toBe(false)
    expect(await query(next.url, 'select id from kept')).toEqual([{ id: 7 }])
    const pid = await readPostmasterPid(dataDir)
    await next[Symbol.asyncDispose]()
    expect(await isRunning(pid)).toBe(false)
    expect((await readdir(dataDir)).sort()).toEqual(['password', 'postgres', 'postgres.log'])
  })

  test('was killed together with it recovers with all committed data', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir])
    await query(await owner.readLine(), 'create table kept as select 7 as id')
    const abandoned = await readPostmasterPid(dataDir)
    owner.kill('SIGKILL')
    process.kill(abandoned, 'SIGKILL')
    await owner.ended

    await using next = await start(dataDir)
    expect(await query(next.url, 'select id from kept')).toEqual([{ id: 7 }])
  })

  test('was killed during the very first start is initialized again', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir])
    await vi.waitFor(
      async () => {
        const names = await readdir(dataDir)
        expect(names.some((name) => name.startsWith('postgres.new-'))).toBe(true)
      },
      { interval: 5 },
    )
    owner.kill('SIGKILL')
    await owner.ended

    await using next = await start(dataDir)
    expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect((await readdir(dataDir)).filter((name) => name.startsWith('postgres.new-'))).toEqual([])
  })

  test('exits without stopping it leaves nothing running', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir, 'exit'])
    await owner.readLine()
    expect(await owner.ended).toBe(0)
    await vi.waitFor(() => expect(stat(directory.join('data', 'postgres', 'postmaster.pid'))).rejects.toThrow('ENOENT'))
  })

  test('gets a Ctrl-C from the terminal keeps responding until that process stops it', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir])
    await owner.readLine()
    const pid = await readPostmasterPid(dataDir)
    owner.kill('SIGINT', { group: true })
    expect(await owner.readLine()).toBe('ended in order')
    expect(await owner.ended).toBe(0)
    expect(await isRunning(pid)).toBe(false)
  })
})

describe('an embedded PostgreSQL that is killed', () => {
  test('restarts at the same address with all committed data, and ends permanently when disposed', async () => {
    await using directory = await createTestDirectory()
    // A long path, so that its socket is in a temporary folder, which must outlive it.
    const dataDir = directory.join(...Array.from({ length: 10 }, () => 'a-rather-deep-folder'), 'data')
    await using postgres = await start(dataDir)
    await query(postgres.url, 'create table kept as select 7 as id')
    const killed = await readPostmasterPid(dataDir)
    process.kill(killed, 'SIGKILL')
    await expect.poll(() => query(postgres.url, 'select id from kept').catch(() => undefined)).toEqual([{ id: 7 }])
    const pid = await readPostmasterPid(dataDir)
    expect(pid).not.toBe(killed)
    await postgres[Symbol.asyncDispose]()
    expect(await isRunning(pid)).toBe(false)
  })

  test('is not restarted while it is being disposed', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    const postgres = await start(dataDir)
    process.kill(await readPostmasterPid(dataDir), 'SIGKILL')
    await postgres[Symbol.asyncDispose]()
    await using next = await start(dataDir)
    expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('a data directory', () => {
  test('in use by a running process is refused, with the id of that process, and free when it ends', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await using owner = startProcess(script, [dataDir])
    const url = await owner.readLine()
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringMatching(
        new RegExp(`${dataDir} is in use by process ${owner.pid} since .+DATA_DIR.+DATABASE_URL`),
      ),
      details: { pid: owner.pid },
    })
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    owner.kill('SIGINT')
    await owner.ended
    await using next = await start(dataDir)
    expect(await query(next.url, `select to_regclass('written_after_interrupt') as name`)).toEqual([
      { name: 'written_after_interrupt' },
    ])
  })

  test('requested by several at once is assigned to exactly one of them', async () => {
    await using directory = await createTestDirectory()
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => start(directory.join('data'))))
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    await using undo = new AsyncDisposableStack()
    for (const one of started) undo.use(one)
    expect(started).toHaveLength(1)
    for (const reason of refused) expect(reason).toMatchObject({ code: 'BAD_CONFIGURATION' })
  })

  test('is free when the process id of its dead owner now belongs to another process', async () => {
    await using directory = await createTestDirectory()
    const claim = { pid: process.pid, identity: 'another boot/1', state: 'owner', since: '2020-01-01T00:00:00.000Z' }
    await writeFile(directory.join('owner-1-00000000.json'), JSON.stringify(claim))
    await using postgres = await start(directory.path)
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('starts over a postmaster.pid with a process id that now belongs to another process', async () => {
    await using directory = await createTestDirectory()
    const dataDir = directory.join('data')
    await (await start(dataDir))[Symbol.asyncDispose]()
    const { uid, gid } = await stat(directory.join('data', 'postgres'))
    // It has the same user as PostgreSQL: for processes of other users PostgreSQL itself checks no
    // further.
    const stranger = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore', cwd: '/' })
    onTestFinished(() => {
      stranger.kill('SIGKILL')
    })
    await once(stranger, 'spawn')
    const pidFile = directory.join('data', 'postgres', 'postmaster.pid')
    await writeFile(pidFile, `${stranger.pid}\n${directory.join('data', 'postgres')}\n1700000000\n5432\n/tmp\n\n`)
    await using postgres = await start(dataDir)
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(stranger.exitCode).toBeNull()
    expect(Number.parseInt(await readFile(pidFile, 'utf8'), 10)).not.toBe(stranger.pid)
  })
})
