import { parseArgs } from 'node:util'
import { failoverFaults, losingFaults } from './kinds/failover.ts'
import { groups } from './kinds/fault.ts'
import { faultsOf } from './kinds/table.ts'
import { type RedisLayout, redisLayouts } from './rig/redis.ts'

/** A request for a run of the rig. */
export interface FaultsRequest {
  /** The seed of the first run; each further run has the next one. */
  readonly seed: number
  /** Names of faults; empty for all. */
  readonly names: readonly string[]
  /** Whether faults are also combined, between the single ones. */
  readonly isCombined: boolean
  /** Whether it is one run with the most telling faults. */
  readonly isShort: boolean
  readonly servers: number
  readonly workers: number
  readonly redis: RedisLayout
  /** What is in front of the servers. */
  readonly proxy: 'nginx' | 'haproxy'
  /** The embedded PostgreSQL, a pair with asynchronous replication, or one under Patroni at its two addresses or behind HAProxy. */
  readonly database: (typeof databases)[number]
  /** Ends after the run in which this time has passed; undefined runs each fault once. */
  readonly minutes: number | undefined
  /** How often each fault is run when the time is not limited. */
  readonly runs: number
  /** Tasks started per second. */
  readonly rate: number
  /** Subscribers of each task. */
  readonly fanOut: number
  /** Open subscriptions with which a fault is caused. */
  readonly subscribers: number
  /** A git revision of an older version, for rolling upgrades; undefined chooses one. */
  readonly previous: string | undefined
  /** The directory of the histories; undefined for a temporary one. */
  readonly directory: string | undefined
  readonly keepsHistories: boolean
  /** Whether the result replaces only the rows of the file whose kinds were run. */
  readonly isUpdate: boolean
  /** The file for the result, which `docs/proof.md` is generated from; undefined writes none. */
  readonly output: string | undefined
}

const databases = ['embedded', 'pair', 'patroni', 'patroni-haproxy'] as const

/** The help text of `npm run faults -- --help`. */
export const usage = `npm run faults [-- options]

Runs servers, workers, PostgreSQL, Redis and nginx as separate processes behind TCP proxies, with subscribers of
every kind and a load of tasks; causes faults, and compares what every subscriber received with the log. Needs Linux, a
redis-server and nginx; PostgreSQL is the embedded one. Exits with 1 when a rule is violated, and prints the command that
repeats the run. The timing of the processes is not seeded, so a repetition causes the same faults at about the same time.

  --seed N          seed of the first run (default: from the clock; printed)
  --fault NAME      only faults whose name contains this text; may be repeated
  --group NAME      only this group: ${groups.join(', ')}
  --combined        only combinations of two or three faults, chosen by the seed
  --servers N       servers (default: 2)
  --workers N       workers (default: 2)
  --redis NAME      ${redisLayouts.join(', ')} (default: the first). Its faults are the group redis
  --proxy NAME      nginx (default) or haproxy, in front of the servers
  --database NAME   ${databases.join(', ')}: a pair without synchronous replication, or one under Patroni at its
                    addresses or behind HAProxy, with the faults of a failover instead of all others (--list shows them)
  --short           one run of about a minute with the most telling faults, one after the other
  --minutes N       all faults and combinations of them in an order of the seed, again and again for N minutes
                    (default: each once, in the order of the list: about an hour)
  --runs N          each fault N times, in the order of the list (default: 1)
  --rate N          tasks started per second (default: 3)
  --fan-out N       subscribers of each task (default: 14, one of each client)
  --subscribers N   open subscriptions, at least, with which a fault is caused (default: 0)
  --previous REF    git revision of the older version in a rolling upgrade (default: the oldest of the
                    last with the same migrations)
  --directory PATH  where histories of runs with violations are kept (default: a temporary directory)
  --keep            keep all histories
  --output FILE     write the result as JSON; docs/proof.json also generates docs/proof.md
  --update          keep the rows of the file that this run does not have
  --list            the names of all faults
  --help            this
`

/**
 * Parses the arguments.
 *
 * @returns the text to print when help or the list was requested
 * @throws an error that names the argument and the allowed values
 */
export function readArguments(args: readonly string[]): FaultsRequest | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      group: { type: 'string' },
      combined: { type: 'boolean', default: false },
      servers: { type: 'string', default: '2' },
      workers: { type: 'string', default: '2' },
      redis: { type: 'string', default: 'server' },
      proxy: { type: 'string', default: 'nginx' },
      database: { type: 'string', default: 'embedded' },
      short: { type: 'boolean', default: false },
      minutes: { type: 'string' },
      runs: { type: 'string', default: '1' },
      rate: { type: 'string', default: '3' },
      'fan-out': { type: 'string', default: '14' },
      subscribers: { type: 'string', default: '0' },
      previous: { type: 'string' },
      directory: { type: 'string' },
      keep: { type: 'boolean', default: false },
      output: { type: 'string' },
      update: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return usage
  const redis = readChoice('redis', values.redis, redisLayouts)
  const database = readChoice('database', values.database, databases)
  const faults = { embedded: faultsOf[redis], pair: losingFaults }[database as string] ?? failoverFaults
  if (values.list) return `${faults.map(({ name, group }) => `${group.padEnd(10)}${name}`).join('\n')}\n`
  const { group } = values
  if (group !== undefined && !groups.some((name) => name === group))
    throw new RangeError(`--group ${group}: there are ${groups.join(', ')}`)
  const names = faults
    .filter((fault) => group === undefined || fault.group === group)
    .filter((fault) => values.fault.length === 0 || values.fault.some((part) => fault.name.includes(part)))
    .map(({ name }) => name)
  if (names.length === 0 && !values.combined)
    throw new RangeError(`No fault is called "${values.fault.join('", "')}"; --list prints all names`)
  return {
    seed: values.seed === undefined ? Date.now() % 1_000_000 : readNumber('seed', values.seed, 0),
    names: values.combined ? [] : names,
    isCombined: values.combined || (values.minutes !== undefined && values.fault.length === 0 && group === undefined),
    servers: readNumber('servers', values.servers, 1),
    workers: readNumber('workers', values.workers, 1),
    redis,
    proxy: readChoice('proxy', values.proxy, ['nginx', 'haproxy']),
    database,
    isShort: values.short,
    minutes: values.minutes === undefined ? undefined : readNumber('minutes', values.minutes, 0),
    runs: readNumber('runs', values.runs, 1),
    rate: readNumber('rate', values.rate, 0.1),
    fanOut: readNumber('fan-out', values['fan-out'], 1),
    subscribers: readNumber('subscribers', values.subscribers, 0),
    previous: values.previous,
    directory: values.directory,
    keepsHistories: values.keep,
    isUpdate: values.update,
    output: values.output,
  }
}

function readNumber(name: string, text: string, min: number): number {
  const number = Number(text)
  if (text.trim() === '' || !Number.isFinite(number) || number < min)
    throw new RangeError(`--${name} ${text}: it must be a number of at least ${min}`)
  return number
}

function readChoice<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((allowed) => allowed === text)
  if (choice !== undefined) return choice
  throw new RangeError(`--${name} is ${JSON.stringify(text)}; allowed: ${choices.join(', ')}`)
}
