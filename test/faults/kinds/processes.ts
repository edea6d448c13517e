import { backUp, restore, startNewEpoch } from '../rig/backup.ts'
import { pause } from '../subscribers/subscriber.ts'
import { type Fault, freeze, killAndStart, repeat, restart, withoutFiles, withoutMemory } from './fault.ts'

/** Faults of the processes of the product. */
export const processFaults: readonly Fault[] = [
  { name: 'none', group: 'none', leavesServer: true, run: () => pause(3_000) },
  {
    name: 'server kill -9, back after 1 s',
    group: 'server',
    leavesServer: true,
    isTelling: true,
    run: ({ environment, random }) => killAndStart(random.pick(environment.servers), 1_000),
  },
  {
    name: 'server kill -9, unavailable for 10 s',
    group: 'server',
    leavesServer: true,
    run: ({ environment, random }) => killAndStart(random.pick(environment.servers), 10_000),
  },
  {
    name: 'both servers kill -9',
    group: 'server',
    run: async ({ environment }) => {
      await Promise.all(environment.servers.map((server) => killAndStart(server, 0)))
    },
  },
  {
    name: 'servers SIGTERM, one after the other',
    group: 'server',
    leavesServer: true,
    run: async ({ environment }) => {
      for (const server of environment.servers) await restart(server)
    },
  },
  {
    name: 'server killed 4 times in a row',
    group: 'server',
    leavesServer: true,
    run: ({ environment, random }) => {
      const server = random.pick(environment.servers)
      return repeat(4, 500, () => killAndStart(server, 0))
    },
  },
  ...[2, 20, 60].map(
    (seconds): Fault => ({
      name: `server SIGSTOP ${seconds} s`,
      group: 'server',
      leavesServer: true,
      run: ({ environment, random }) => freeze([random.pick(environment.servers).pid], seconds * 1_000),
    }),
  ),
  {
    name: 'both servers SIGSTOP 5 s',
    group: 'server',
    run: ({ environment }) =>
      freeze(
        environment.servers.map(({ pid }) => pid),
        5_000,
      ),
  },
  {
    name: 'event loop in bursts: 20 × 300 ms',
    group: 'server',
    leavesServer: true,
    run: ({ environment, random }) => {
      const { pid } = random.pick(environment.servers)
      return repeat(20, 100, () => freeze([pid], 300))
    },
  },
  {
    name: 'server without file descriptors 8 s',
    group: 'server',
    leavesServer: true,
    run: ({ environment, random }) => withoutFiles(random.pick(environment.servers).pid, 8_000),
  },
  {
    name: 'server with 8 MB of memory left, for 10 s',
    group: 'server',
    leavesServer: true,
    run: ({ environment, random }) => withoutMemory(random.pick(environment.servers), 8 * 1_024 ** 2, 10_000),
  },
  ...(['server', 'worker'] as const).map(
    (role): Fault => ({
      name: `clock of a ${role} 90 s ahead, for 8 s`,
      group: role,
      leavesServer: true,
      run: async ({ environment, random }) => {
        const process = random.pick(role === 'server' ? environment.servers : environment.workers)
        await process.signal('SIGUSR2')
        await pause(8_000)
        await process.signal('SIGUSR2')
      },
    }),
  ),
  {
    name: 'rolling upgrade from an older version, and back',
    group: 'several',
    leavesServer: true,
    run: async ({ environment, previous }) => {
      if (previous === undefined) throw new Error('This fault needs the sources of an older version: --previous REF')
      const all = [...environment.servers, ...environment.workers]
      for (const process of all) await restart(process, previous)
      for (const process of all) await restart(process)
    },
  },
  {
    name: 'worker kill -9, back at once',
    group: 'worker',
    leavesServer: true,
    run: async ({ environment }) => {
      await Promise.all(environment.workers.map((worker) => killAndStart(worker, 0)))
    },
  },
  {
    name: 'worker kill -9, another one there',
    group: 'worker',
    leavesServer: true,
    isTelling: true,
    run: ({ environment, random }) => killAndStart(random.pick(environment.workers), 8_000),
  },
  {
    name: 'worker killed 5 times in a row',
    group: 'worker',
    leavesServer: true,
    run: ({ environment, random }) => {
      const worker = random.pick(environment.workers)
      return repeat(5, 1_500, () => killAndStart(worker, 0))
    },
  },
  {
    name: 'worker SIGTERM, another one there',
    group: 'worker',
    leavesServer: true,
    run: ({ environment, random }) => restart(random.pick(environment.workers)),
  },
  {
    name: 'worker SIGSTOP 6 s, beyond its lease (zombie)',
    group: 'worker',
    leavesServer: true,
    run: ({ environment, random }) => freeze([random.pick(environment.workers).pid], 6_000),
  },
  {
    name: 'worker SIGSTOP 2.5 to 4 s, at the edge of its lease',
    group: 'worker',
    leavesServer: true,
    run: ({ environment, random }) => {
      const { pid } = random.pick(environment.workers)
      return repeat(3, 1_000, () => freeze([pid], random.integer(2_500, 4_000)))
    },
  },
  {
    name: 'worker SIGSTOP 1 s',
    group: 'worker',
    leavesServer: true,
    run: ({ environment, random }) => freeze([random.pick(environment.workers).pid], 1_000),
  },
  {
    name: 'everything of the product kill -9',
    group: 'several',
    run: async ({ environment }) => {
      await Promise.all([...environment.servers, ...environment.workers].map((process) => killAndStart(process, 0)))
    },
  },
  {
    name: 'backup of 5 s ago restored, with a new epoch',
    group: 'several',
    run: async ({ environment }) => {
      const processes = [...environment.servers, ...environment.workers]
      await backUp(environment.postgres)
      await pause(5_000)
      await Promise.all(processes.map((process) => process.signal('SIGKILL')))
      environment.restoration = await restore(environment.postgres)
      await startNewEpoch(environment.postgres)
      await Promise.all(processes.map((process) => process.start()))
    },
  },
]
