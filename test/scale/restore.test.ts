import { mkdir, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { TaskEvent } from '../../client/reduce/task-state.ts'
import { type ServerNode, startProcesses, watchWhole } from '../chaos/servers.ts'
import { findFreePort } from '../support/port.ts'
import { findPostgres, type PostgresPrograms, query } from '../support/postgres-programs.ts'
import { startProcess } from '../support/processes.ts'
import { startRedis } from '../support/redis.ts'

/** A PostgreSQL with an archive of its write-ahead log. */
interface Origin {
  readonly programs: PostgresPrograms
  readonly port: number
  readonly url: string
  readonly archive: string
  stop(): Promise<void>
  /** Starts a server on a data directory, at the same address. */
  start(dataDir: string, settings?: Readonly<Record<string, string>>): Promise<void>
}

/** A way to back a database up and to restore it. */
interface Backup {
  /** Called before the tasks start. */
  readonly prepare?: (origin: Origin) => Promise<void>
  /** Called at the moment that is restored. */
  readonly mark: (origin: Origin) => Promise<unknown>
  /** Called when everything has ended but PostgreSQL. */
  readonly restore: (origin: Origin) => Promise<void>
}

const sourceOf = ({ port }: Origin) => ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres']
const newCluster = ({ programs }: Origin, name: string) =>
  programs.run('initdb', ['-D', programs.directory.join(name), '-U', 'postgres', '-A', 'trust', '--no-sync'])
const dump = (origin: Origin) =>
  origin.programs.run('pg_dump', [
    ...sourceOf(origin),
    ...['-Fc', '-n', 'tidings', '-n', 'studio', '-f', origin.programs.directory.join('dump'), 'postgres'],
  ])
const load = (origin: Origin) =>
  origin.programs.run('pg_restore', [
    ...sourceOf(origin),
    ...['-d', 'postgres', '--exit-on-error', origin.programs.directory.join('dump')],
  ])

const pointInTime: Backup = {
  prepare: async (origin) => {
    const args = ['-D', origin.programs.directory.join('base'), '-X', 'none', '-c', 'fast']
    await origin.programs.run('pg_basebackup', [...sourceOf(origin), ...args])
  },
  mark: ({ port }) => query(port, `select pg_create_restore_point('before the mistake')`),
  restore: async (origin) => {
    const { port, archive } = origin
    // The segment that is being written is not in the archive yet.
    const [segment] = await query(port, 'select pg_walfile_name(pg_switch_wal()) as name')
    await expect
      .poll(async () => (await query(port, 'select last_archived_wal as name from pg_stat_archiver'))[0]?.['name'])
      .toSatisfy((name: string) => name >= String(segment?.['name']))
    await origin.stop()
    const data = origin.programs.directory.join('base')
    await writeFile(`${data}/recovery.signal`, '')
    await origin.start(data, {
      restore_command: `cp ${archive}/%f %p`,
      recovery_target_name: 'before the mistake',
      recovery_target_action: 'promote',
      // The former log must not be overwritten.
      archive_mode: 'off',
    })
    await expect
      .poll(async () => (await query(port, 'select pg_is_in_recovery() as recovers'))[0]?.['recovers'])
      .toBe(false)
  },
}

const dumpIntoSame: Backup = {
  mark: dump,
  restore: async (origin) => {
    await query(origin.port, 'drop schema tidings, studio cascade; drop schema if exists bullmq cascade')
    await load(origin)
    const command = new URL('../../src/main/new-epoch.ts', import.meta.url)
    await using child = startProcess(command, [], { DATABASE_URL: origin.url })
    expect(await child.ended).toBe(0)
  },
}

const dumpIntoOther: Backup = {
  mark: dump,
  restore: async (origin) => {
    await origin.stop()
    await newCluster(origin, 'other')
    await origin.start(origin.programs.directory.join('other'))
    await load(origin)
  },
}

const epochOf = ({ cursor }: TaskEvent): string | undefined => cursor.split('-')[0]

test.for<readonly [string, Backup]>([
  ['point-in-time recovery from an archive of the write-ahead log', pointInTime],
  ['a dump, restored into the same cluster, and db:new-epoch', dumpIntoSame],
  ['a dump, restored into another cluster', dumpIntoOther],
])(
  '%s: subscribers receive a RESET, and everything that follows in the restored log',
  { timeout: 900_000 },
  async ([, backup]) => {
    await using programs = await findPostgres()
    await using redis = await startRedis()
    const port = await findFreePort()
    const archive = programs.directory.join('archive')
    await mkdir(archive)
    await programs.own(archive)
    let kill: (() => Promise<void>) | undefined
    const origin: Origin = {
      programs,
      port,
      archive,
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      async stop() {
        await kill?.()
      },
      async start(dataDir, settings = { archive_mode: 'on', archive_command: `cp %p ${archive}/%f` }) {
        kill = await programs.start(dataDir, port, settings)
      },
    }
    await newCluster(origin, 'first')
    await origin.start(programs.directory.join('first'))
    await using cluster = await startProcesses(2, { databaseUrl: origin.url, redisUrl: redis.url }, {}, { running: 0 })
    const nodes = cluster.nodes as readonly [ServerNode, ServerNode]
    await nodes[0].start()
    await nodes[1].start()
    await backup.prepare?.(origin)

    const input = { items: 200, everyMs: 300, textLength: 20 }
    const id = await cluster.startTask(0, input)
    const clients = nodes.flatMap(({ url }) =>
      (['websocket', 'sse', 'polling'] as const).map((name) => cluster.clientAt(url, [name])),
    )
    const sights = clients.map((client) => watchWhole(client, id))
    await Promise.all(sights.map((sight) => sight.items(5)))
    await backup.mark(origin)
    // This one is lost, and its id stays unknown to the restored database.
    const lostId = await cluster.startTask(0, input)
    const lost = clients.map((client) => watchWhole(client, lostId))
    await Promise.all([...sights.map((sight) => sight.items(20)), ...lost.map((sight) => sight.items(2))])
    await Promise.all(nodes.map((node) => node.kill('SIGKILL')))
    await backup.restore(origin)
    const [restored] = await query(port, `select seq from tidings.topic where name = 'task:${id}'`)
    await Promise.all(nodes.map((node) => node.start()))

    for (const sight of sights) {
      const seen = await sight.whole
      const at = seen.findIndex((event) => event.__typename === 'TaskSnapshot' && event.reason === 'RESET')
      const [before, after] = [seen.slice(0, at), seen.slice(at + 1)]
      expect(at, 'there is a RESET').toBeGreaterThan(10)
      expect(new Set(before.map(epochOf)).size).toBe(1)
      expect(new Set(seen.slice(at).map(epochOf)).size).toBe(1)
      expect(epochOf(before[0] as TaskEvent)).not.toBe(epochOf(seen[at] as TaskEvent))
      // It had received events that the restored log does not have.
      expect(before.at(-1)?.seq).toBeGreaterThan(Number(restored?.['seq']))
      const first = (seen[at]?.seq ?? 0) + 1
      const events = after.filter(({ __typename }) => __typename !== 'TaskQueueMoved')
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => first + index))
      expect(events.at(-1)?.__typename).toBe('TaskCompleted')
    }
    for (const sight of lost) await expect(sight.whole).rejects.toThrow('There is no task')
  },
)
