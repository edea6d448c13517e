import { parseArgs } from 'node:util'
import { type Contestant, contestants } from './contestants.ts'

/** The available measurements, with a description. */
export const cases = {
  'fan-out': 'events a second to many subscribers of one topic',
  latency: 'from publishing to the subscriber, at a steady rate',
  'end-to-end': 'latency and processor time from the append, through PostgreSQL and Redis',
  idle: 'memory of connections on which nothing happens',
  join: 'processor time of subscribers that connect',
  storm: 'all reconnecting at once, and what others notice',
  slow: 'readers that stop, and what their neighbours notice',
  profile: 'where the time of a delivery goes',
  curve: 'deliveries against the number of subscribers and of topics',
  'start-up': 'time until the server is ready',
} as const
/** A name of {@link cases}. */
export type Case = keyof typeof cases

/** A request for a run. */
export interface BenchRequest {
  readonly isQuick: boolean
  /** The number of runs of each measurement. */
  readonly runs: number
  readonly cases: readonly Case[]
  readonly contestants: readonly Contestant[]
  /** Whether the documents are updated: only by a run of everything. */
  readonly isWhole: boolean
}

/** The help text of `npm run bench -- --help`. */
export const usage = `npm run bench [-- options]

Compares Tidings with what a user would take instead, and writes docs/performance.md with its picture. Needs a
redis-server; PostgreSQL is the embedded one.

  --quick               everything once, small and short; writes nothing
  --runs N              how often each is measured (default: 3; 1 with --quick)
  --only CASE,…         some cases; writes nothing:
${Object.entries(cases)
  .map(([name, meaning]) => `                          ${name.padEnd(10)}  ${meaning}`)
  .join('\n')}
  --contestants NAME,…  some of those compared, by a part of their names; writes nothing:
${contestants.map(({ name }) => `                          ${name}`).join('\n')}
  --help                this
`

/**
 * Parses the arguments of a run.
 * @returns null when help was requested
 * @throws RangeError, or a TypeError of `parseArgs`, that names the argument and the allowed values
 */
export function readArguments(args: readonly string[]): BenchRequest | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string' },
      contestants: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const runs = Number(values.runs ?? (values.quick ? 1 : 3))
  if (!Number.isInteger(runs) || runs < 1)
    throw new RangeError(`--runs is ${JSON.stringify(values.runs)}; write a whole number of at least 1`)
  const all = Object.keys(cases) as Case[]
  const picked = values.only?.split(',')
  const unknown = picked?.find((name) => !all.some((one) => one === name))
  if (unknown !== undefined) throw new RangeError(`--only names ${JSON.stringify(unknown)}; allowed: ${all.join(', ')}`)
  const parts = values.contestants?.split(',')
  const stranger = parts?.find((part) => !contestants.some(({ name }) => name.includes(part)))
  if (stranger !== undefined)
    throw new RangeError(
      `--contestants names ${JSON.stringify(stranger)}; allowed: parts of ${contestants.map(({ name }) => name).join(', ')}`,
    )
  return {
    isQuick: values.quick,
    runs,
    cases: all.filter((name) => picked?.includes(name) ?? true),
    contestants: contestants.filter(({ name }) => parts?.some((part) => name.includes(part)) ?? true),
    isWhole: !values.quick && picked === undefined && parts === undefined,
  }
}
