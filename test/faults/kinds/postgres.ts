import pg from 'pg'
import type { Environment } from '../rig/environment.ts'
import { pause } from '../subscribers/subscriber.ts'
import { type Fault, freeze, repeat, signal } from './fault.ts'

const group = 'postgres'
const others = `pid <> pg_backend_pid() and usename is not null and application_name <> 'rig'`

/** Runs an action on a connection of its own, past all proxies, and rolls its transaction back. */
async function withClient(environment: Environment, act: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: environment.postgres.url, application_name: 'rig' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await act(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Holds the locks of a statement for a time. */
function holdLocks(environment: Environment, statement: string, ms: number): Promise<void> {
  return withClient(environment, async (client) => {
    await client.query('begin')
    // Others may hold some of them for a moment.
    await client.query(statement)
    await pause(ms)
    await client.query('rollback')
  })
}

/** Changes a setting of the server for a time. */
async function withSetting(environment: Environment, name: string, value: string, ms: number): Promise<void> {
  await withClient(environment, async (client) => {
    await client.query(`alter system set ${name} = ${value}`)
    await client.query('select pg_reload_conf()')
    await pause(ms)
    // Its own session may be read-only now.
    await client.query('set default_transaction_read_only = off').catch(() => undefined)
    await client.query(`alter system reset ${name}`)
    await client.query('select pg_reload_conf()')
  })
}

async function killAll(environment: Environment): Promise<void> {
  const { postmaster, children } = await environment.postgres.pids()
  for (const pid of [postmaster, ...children]) signal(pid, 'SIGKILL')
}

async function freezeAll(environment: Environment, ms: number): Promise<void> {
  const { postmaster, children } = await environment.postgres.pids()
  await freeze([postmaster, ...children], ms)
}

const runningTopics = (count: number): string =>
  `select name from tidings.topic where name in (select 'task:' || id from tidings.task where status = 'RUNNING' order by id limit ${count})`

/** Faults of PostgreSQL and of the connections to it. */
export const postgresFaults: readonly Fault[] = [
  {
    name: 'postgres postmaster kill -9',
    group,
    run: async ({ environment }) => {
      signal((await environment.postgres.pids()).postmaster, 'SIGKILL')
      await pause(500)
      await environment.postgres.query('select 1')
    },
  },
  {
    name: 'postgres all processes kill -9, unavailable for 3 s',
    group,
    isTelling: true,
    run: async ({ environment }) => {
      await killAll(environment)
      await environment.postgres.stop()
      await pause(3_000)
      await environment.postgres.start()
    },
  },
  {
    name: 'postgres one backend kill -9',
    group,
    run: async ({ environment, random }) => {
      const rows = await environment.postgres.query<{ pid: number }>(
        `select pid from pg_stat_activity where ${others} and datname = current_database()`,
      )
      if (rows.length > 0) signal(random.pick(rows).pid, 'SIGKILL')
      await pause(1_000)
      await environment.postgres.query('select 1')
    },
  },
  {
    name: 'postgres restarted (fast)',
    group,
    run: async ({ environment }) => {
      await environment.postgres.stop()
      await environment.postgres.start()
    },
  },
  {
    name: 'postgres unavailable for 15 s',
    group,
    run: async ({ environment }) => {
      await environment.postgres.stop()
      await pause(15_000)
      await environment.postgres.start()
    },
  },
  {
    name: 'postgres: every connection terminated, 8 times',
    group,
    run: ({ environment }) =>
      repeat(8, 400, () =>
        environment.postgres.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`),
      ),
  },
  {
    name: 'postgres: statements canceled, 30 times',
    group,
    run: ({ environment }) =>
      repeat(30, 100, () =>
        environment.postgres.query(
          `select pg_cancel_backend(pid) from pg_stat_activity where ${others} and state = 'active'`,
        ),
      ),
  },
  {
    name: 'postgres: statements canceled after 40 ms, for 8 s',
    group,
    run: ({ environment }) =>
      repeat(300, 20, () =>
        environment.postgres.query(
          `select pg_cancel_backend(pid) from pg_stat_activity
           where ${others} and state = 'active' and query_start < clock_timestamp() - interval '40 ms'`,
        ),
      ),
  },
  ...[5, 14, 30].map(
    (seconds): Fault => ({
      name: `postgres SIGSTOP ${seconds} s`,
      group,
      run: ({ environment }) => freezeAll(environment, seconds * 1_000),
    }),
  ),
  {
    name: 'postgres: all connections in use by others, 12 s',
    group,
    run: async ({ environment }) => {
      const clients: pg.Client[] = []
      try {
        // Until none is left, also of those that the product gives back.
        const end = performance.now() + 12_000
        while (performance.now() < end) {
          const client = new pg.Client({ connectionString: environment.postgres.url, application_name: 'rig' })
          client.on('error', () => undefined)
          const isConnected = await client.connect().then(
            () => true,
            () => false,
          )
          if (isConnected) clients.push(client)
          else await pause(200)
        }
      } finally {
        await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
      }
    },
  },
  ...(
    [
      [
        'tasks locked by somebody else 6 s',
        `select from tidings.task where status = 'RUNNING' order by id limit 5 for update`,
        6,
      ],
      [
        'tasks locked by somebody else 40 s',
        `select from tidings.task where status = 'RUNNING' order by id limit 3 for update`,
        40,
      ],
      ['topics locked by somebody else 6 s', `${runningTopics(5)} for update`, 6],
      ['topics locked by somebody else 14 s', `${runningTopics(3)} for update`, 14],
      ['the table of events locked 5 s (an index is rebuilt)', 'lock table tidings.event in share mode', 5],
      ['the table of tasks locked 5 s (a column is added)', 'lock table tidings.task in access exclusive mode', 5],
      ['the table of topics locked 3 s (a column is added)', 'lock table tidings.topic in access exclusive mode', 3],
    ] as const
  ).map(
    ([name, statement, seconds]): Fault => ({
      name: `postgres: ${name}`,
      group,
      run: ({ environment }) => holdLocks(environment, statement, seconds * 1_000),
    }),
  ),
  {
    name: 'postgres read-only for 5 s (switchover)',
    group,
    run: ({ environment }) => withSetting(environment, 'default_transaction_read_only', 'on', 5_000),
  },
  {
    name: 'postgres: lock_timeout 5 ms for 8 s',
    group,
    run: ({ environment }) => withSetting(environment, 'lock_timeout', `'5ms'`, 8_000),
  },
  {
    name: 'postgres: disk of the events full for 8 s',
    group,
    run: ({ environment }) =>
      withClient(environment, async (client) => {
        await client.query(`
          create or replace function rig.full() returns trigger language plpgsql as $$ begin
            raise exception 'could not extend file: No space left on device' using errcode = '53100';
          end $$;
          create trigger full_disk before insert on tidings.event for each statement execute function rig.full()`)
        await pause(8_000)
        await client.query('drop trigger full_disk on tidings.event')
      }),
  },
  {
    name: 'postgres connections half-open, new ones fine',
    group,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.database) proxy.halfOpen()
      await pause(1_000)
    },
  },
  {
    name: 'postgres connections reset 20 times',
    group,
    run: ({ environment }) =>
      repeat(20, 250, () => {
        for (const proxy of environment.proxies.database) proxy.resetAll()
      }),
  },
  {
    name: 'postgres connections reset after random bytes, 30 times',
    group,
    run: async ({ environment, random }) => {
      await repeat(30, 200, () => {
        for (const proxy of environment.proxies.database)
          proxy.cutAfter(random.integer(1, 4_000), random.pick(['toClient', 'toServer']))
      })
      await Promise.all(environment.proxies.database.map((proxy) => proxy.heal()))
    },
  },
  {
    name: 'postgres: answers swallowed, then reset (done, but not answered)',
    group,
    isTelling: true,
    run: ({ environment }) =>
      repeat(6, 500, async () => {
        for (const proxy of environment.proxies.database) proxy.swallow('toClient')
        await pause(300)
        for (const proxy of environment.proxies.database) proxy.resetAll()
        await Promise.all(environment.proxies.database.map((proxy) => proxy.heal()))
      }),
  },
  {
    name: 'postgres slow: 40 ms ± 30',
    group,
    run: async ({ environment }) => {
      for (const proxy of environment.proxies.database) proxy.delay(10, 60)
      await pause(8_000)
      for (const proxy of environment.proxies.database) proxy.delay(0)
    },
  },
  ...[5, 20].map(
    (seconds): Fault => ({
      name: `network to postgres stalls ${seconds} s`,
      group,
      run: async ({ environment }) => {
        for (const proxy of environment.proxies.database) proxy.stall()
        await pause(seconds * 1_000)
        for (const proxy of environment.proxies.database) proxy.resume()
      },
    }),
  ),
  {
    name: 'one server loses postgres for 8 s',
    group,
    leavesServer: true,
    run: async ({ environment, random }) => {
      const { toDatabase } = random.pick(environment.servers)
      toDatabase.refuse()
      toDatabase.resetAll()
      await pause(8_000)
      await toDatabase.accept()
    },
  },
  {
    name: 'redis and postgres kill -9',
    group: 'several',
    run: async ({ environment }) => {
      await killAll(environment)
      await environment.redis.restart()
      await pause(500)
      await environment.postgres.query('select 1')
    },
  },
  {
    name: 'redis and postgres SIGSTOP 5 s',
    group: 'several',
    run: async ({ environment }) => {
      const info = String(await environment.redis.cli('INFO', 'server'))
      const redis = Number(/process_id:(\d+)/.exec(info)?.[1])
      await Promise.all([freezeAll(environment, 5_000), freeze([redis], 5_000)])
    },
  },
]
