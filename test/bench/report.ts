import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { compareWithAims } from './aims.ts'
import { areaNames, type timeByArea } from './areas.ts'
import { type Idle, type Joining, type Latency, type SlowReaders, type Storm, saturatedPerTurn } from './cases.ts'
import { drawCurve } from './curve-picture.ts'
import { drawFanOut } from './picture.ts'
import type { StartUp } from './start-up.ts'
import { formatNumber, formatShape, formatSpread, type Spread, spreadOf } from './statistics.ts'

interface Measured<T> {
  readonly contestant: string
  readonly runs: readonly T[]
}

type Rates = readonly { readonly contestant: string; readonly spread: Spread }[]

/** Deliveries per second of a shape. */
export interface FanOut {
  readonly topics: number
  readonly subscribers: number
  readonly oneByOne: Rates
  readonly saturated: Rates
  readonly oneByOneOfCpu: Rates
  readonly saturatedOfCpu: Rates
}

interface Rate {
  readonly topics: number
  readonly subscribers: number
  readonly perSecond: number
  readonly measured: readonly Measured<Latency>[]
}

/** All measurements. */
export interface Results {
  readonly fanOut: FanOut[]
  readonly latency: Rate[]
  readonly endToEnd: Rate[]
  readonly startUp: StartUp[]
  readonly idle: { readonly topics: number; readonly measured: readonly Measured<readonly Idle[]>[] }[]
  readonly joining: { readonly topics: number; readonly measured: readonly Measured<Joining>[] }[]
  readonly storm: Measured<Storm>[]
  readonly slow: Measured<SlowReaders>[]
  readonly profile: {
    readonly topics: number
    readonly subscribers: number
    readonly measured: readonly Measured<ReturnType<typeof timeByArea>>[]
  }[]
  readonly curve: FanOut[]
}

const ofCpu = 'The same for each second of the server’s processor time, on which other programs have less influence:'

type Row = readonly string[]
const table = (head: Row, rows: readonly Row[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const base = 'bare ws'

type RateName = 'oneByOne' | 'saturated' | 'oneByOneOfCpu' | 'saturatedOfCpu'

function fanOutTable(fanOut: readonly FanOut[], rate: RateName): string {
  const names = fanOut[0]?.[rate].map(({ contestant }) => contestant) ?? []
  return table(
    ['topics × subscribers', ...names],
    [...fanOut]
      .sort((a, b) => a.topics - b.topics || a.subscribers - b.subscribers)
      .map((shape) => {
        const reference = shape[rate].find(({ contestant }) => contestant === base)?.spread.median ?? Number.NaN
        const cells = shape[rate].map(
          ({ spread }) => `${formatSpread(spread)} · **${formatNumber(spread.median / reference, 2)}**`,
        )
        return [formatShape(shape), ...cells]
      }),
  )
}

function latencyTable(rates: readonly Rate[]): string {
  return table(
    ['topics × subscribers', 'events/s', 'server', 'p50 ms', 'p99 ms', 'p99.9 ms', 'arrived', 'processor time, µs'],
    rates.flatMap(({ perSecond, measured, ...shape }) =>
      measured.map(({ contestant, runs }) => [
        formatShape(shape),
        formatNumber(perSecond),
        contestant,
        ...(['p50', 'p99', 'p999'] as const).map((key) => formatSpread(spreadOf(runs.map((run) => run[key])), 2)),
        `${formatNumber(spreadOf(runs.map(({ arrived }) => arrived)).median * 100, 1)} %`,
        formatSpread(spreadOf(runs.map(({ cpuUs }) => cpuUs)), 1),
      ]),
    ),
  )
}

function idleTable(idle: Results['idle']): string {
  return table(
    [
      'subscribers',
      'topics',
      'server',
      'KB each (resident)',
      'KB each (heap and buffers)',
      'connections/s',
      'idle, % of a core',
    ],
    idle.flatMap(({ topics, measured }) =>
      (measured[0]?.runs[0] ?? []).flatMap(({ sockets }, index) =>
        measured.map(({ contestant, runs }) => {
          const spread = (read: (one: Idle) => number) => spreadOf(runs.flatMap((run) => run[index] ?? []).map(read))
          return [
            formatNumber(sockets),
            formatNumber(topics),
            contestant,
            formatSpread(
              spread((one) => one.bytesPerSubscriber / 1_000),
              1,
            ),
            formatSpread(
              spread((one) => one.heapBytesPerSubscriber / 1_000),
              1,
            ),
            formatSpread(spread((one) => one.connectionsPerSecond)),
            formatNumber(spread((one) => one.core * 100).median, 2),
          ]
        }),
      ),
    ),
  )
}

/** The contestant that joining is compared with, as it is the usual choice for GraphQL. */
const stock = 'Yoga + graphql-ws + RedisPubSub'

function joiningTable(joining: Results['joining']): string {
  return table(
    ['topics', 'server', 'processor time of a join, ms', `of ${stock}`, 'joins/s'],
    joining.flatMap(({ topics, measured }) => {
      const medianOf = (name: string): number =>
        spreadOf(measured.find(({ contestant }) => contestant === name)?.runs.map(({ cpuMs }) => cpuMs) ?? []).median
      return measured.map(({ contestant, runs }) => [
        formatNumber(topics),
        contestant,
        formatSpread(spreadOf(runs.map(({ cpuMs }) => cpuMs)), 2),
        formatNumber(medianOf(contestant) / medianOf(stock), 2),
        formatSpread(spreadOf(runs.map(({ perSecond }) => perSecond))),
      ])
    }),
  )
}

function stormTable(storm: Results['storm']): string {
  return table(
    ['server', 'all back after, s', 'event loop blocked at most, ms', 'p99 of others before, ms', 'meanwhile, ms'],
    storm.map(({ contestant, runs }) => [
      contestant,
      formatSpread(spreadOf(runs.map(({ ms }) => ms / 1_000)), 2),
      formatSpread(spreadOf(runs.map(({ blockedMs }) => blockedMs))),
      formatSpread(spreadOf(runs.map(({ othersBeforeMs }) => othersBeforeMs)), 2),
      formatSpread(spreadOf(runs.map(({ othersDuringMs }) => othersDuringMs)), 2),
    ]),
  )
}

function startUpTable(startUp: Results['startUp']): string {
  const spread = (read: (one: StartUp) => number): string => formatSpread(spreadOf(startUp.map(read)), 1)
  return table(
    ['first start, s', 'later, s'],
    [[spread(({ firstMs }) => firstMs / 1_000), spread(({ laterMs }) => laterMs / 1_000)]],
  )
}

function slowTable(slow: Results['slow']): string {
  return table(
    [
      'server',
      'memory of the 200, MiB',
      'p50 of the others before, ms',
      'beside them',
      'p99 before, ms',
      'beside them',
    ],
    slow.map(({ contestant, runs }) => [
      contestant,
      formatSpread(spreadOf(runs.map(({ bytes }) => bytes / 1_048_576)), 1),
      formatSpread(spreadOf(runs.map(({ without }) => without.p50)), 2),
      formatSpread(spreadOf(runs.map(({ beside }) => beside.p50)), 2),
      formatSpread(spreadOf(runs.map(({ without }) => without.p99)), 2),
      formatSpread(spreadOf(runs.map(({ beside }) => beside.p99)), 2),
    ]),
  )
}

function profileTable(profile: Results['profile']): string {
  const columns = profile.flatMap(({ measured, ...shape }) =>
    measured.map(({ contestant, runs }) => ({ head: `${formatShape(shape)}, ${contestant}`, runs })),
  )
  const medianOf = (runs: readonly ReturnType<typeof timeByArea>[], counts: (area: string) => boolean): string => {
    const sums = runs.map((run) => run.reduce((sum, { area, us }) => (counts(area) ? sum + us : sum), 0))
    return formatNumber(spreadOf(sums).median, 2)
  }
  return table(
    ['µs', ...columns.map(({ head }) => head)],
    [
      ...areaNames.map((name) => [name, ...columns.map(({ runs }) => medianOf(runs, (area) => area === name))]),
      ['**a delivery**', ...columns.map(({ runs }) => `**${medianOf(runs, () => true)}**`)],
    ],
  )
}

function describeMachine(): string {
  const processors = cpus()
  const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string } | undefined>>
  }
  const packages = [
    'ws',
    'graphql',
    'graphql-ws',
    'graphql-yoga',
    'graphql-redis-subscriptions',
    'ioredis',
    'socket.io',
  ]
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' })
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  return [
    `\`npm run bench\` of ${new Date().toISOString().slice(0, 10)}, commit \`${git('rev-parse', '--short', 'HEAD')}\`.`,
    `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
    `Node ${process.version}; redis-server ${/v=(\S+)/.exec(redis)?.[1] ?? 'unknown'}; ${packages.map((name) => `${name} ${lock.packages[`node_modules/${name}`]?.version ?? '?'}`).join(', ')}`,
  ].join('\n\n')
}

/** Formats the measurements as a document. */
export function createReport(
  results: Results,
  { runs }: { readonly runs: number },
): { readonly text: string; readonly document: string; readonly picture: string; readonly curve: string } {
  const section = (title: string, text: string, is: readonly unknown[]): string =>
    is.length === 0 ? '' : `## ${title}\n\n${text}\n\n`
  const text =
    section(
      'Deliveries per second, event by event',
      `One event to each topic per turn of the event loop. Bold: the ratio to bare ws.\n\n${fanOutTable(results.fanOut, 'oneByOne')}\n\n${ofCpu}\n\n${fanOutTable(results.fanOut, 'oneByOneOfCpu')}`,
      results.fanOut,
    ) +
    section(
      'Deliveries per second, saturated',
      `${saturatedPerTurn} events to each topic a turn of the event loop, as when a server is behind.\n\n${fanOutTable(results.fanOut, 'saturated')}\n\n${ofCpu}\n\n${fanOutTable(results.fanOut, 'saturatedOfCpu')}`,
      results.fanOut,
    ) +
    section(
      'Latency at a moderate rate',
      `From publishing in the server to arrival in the load generator; processor time of the server for each delivery.\n\n${latencyTable(results.latency)}`,
      results.latency,
    ) +
    section(
      'End to end',
      `From the append to arrival in the load generator: with Tidings through PostgreSQL, Redis, feed, group and frame, with ${stock} through Redis, with the others from memory. Processor time of the server for each delivery, with its part of the append.\n\n${latencyTable(results.endToEnd)}`,
      results.endToEnd,
    ) +
    section('Idle subscribers', idleTable(results.idle), results.idle) +
    section(
      '5,000 subscribers join',
      `Connection, authentication and subscription, a hundred at a time; with Tidings also the first snapshot, from PostgreSQL.\n\n${joiningTable(results.joining)}`,
      results.joining,
    ) +
    section(
      '5,000 clients reconnect at once',
      `Clients of Tidings resume from cursors and each receive the ten events that they missed, from the log. The other clients reconnect without catching up. The others are 100 subscribers of a topic each, with 100 events a second in all.\n\n${stormTable(results.storm)}`,
      results.storm,
    ) +
    section(
      '200 readers that stopped reading',
      `Beside 100 that read, on one topic with 50 events of 8 KB a second, through appends, PostgreSQL and Redis where there are any.\n\n${slowTable(results.slow)}`,
      results.slow,
    ) +
    section(
      'Cost against the number of subscribers and topics',
      `Deliveries per second, event by event. A line that stays level: each delivery costs the same, however many there are.\n\n![Deliveries per second against subscribers and topics](performance-curve.svg)\n\n${fanOutTable(results.curve, 'oneByOne')}`,
      results.curve,
    ) +
    section(
      'Where the time of a delivery goes',
      `Event by event: microseconds of the server’s processor time for each delivery, by a profile of the running server.\n\n${profileTable(results.profile)}`,
      results.profile,
    ) +
    section(
      'Start',
      `From the start of the process, with its own PostgreSQL, until \`/health/ready\` answers.\n\n${startUpTable(results.startUp)}`,
      results.startUp,
    ) +
    section('Aims and results', table(['', 'aim', 'measured', 'reached'], compareWithAims(results)), results.fanOut)
  // Their links are relative to the folder of the notes.
  const notes = readFileSync(new URL('notes.md', import.meta.url), 'utf8').replaceAll('../../docs/', '')
  const document = `# Performance

Made by \`npm run bench\` (\`test/bench\`); the words at the end by hand. Medians of ${runs} runs, in brackets the least and the most.
The load generator and each server are processes of their own; contestants are measured in turn, in the same run.

${describeMachine()}

![Deliveries per second](performance.svg)

${text}${notes}`
  return { text, document, picture: drawFanOut(results.fanOut), curve: drawCurve(results.curve) }
}
