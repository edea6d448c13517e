/**
 * `npm run simulate`: computes what 10,000 to 100,000,000 subscribers need, and simulates the loss of a zone and a failover of
 * the database for a large installation, from the costs that `npm run bench:capacity` measured and the product's own
 * settings. `-- --help` describes the options.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { defaultTiming } from '../../client/base/timing.ts'
import { parseConfig } from '../../src/config.ts'
import type { Capacity, Figures } from './capacity-figures.ts'
import {
  curveStepMs,
  dimension,
  eventBytes,
  type Failover,
  type FailoverOptions,
  findLimits,
  type Needs,
  processBytes,
  readsPerStatement,
  type Storm,
  type StormOptions,
  simulateFailover,
  simulateStorm,
  statementsPerServer,
  type Workload,
} from './simulation.ts'
import { formatNumber } from './statistics.ts'

const usage = `npm run simulate [-- options]

Computes the cores and memory that an installation needs, simulates the loss of a zone and a failover of its database, and
searches the back-off of the clients that keeps the storm below capacity. Prints tables. The same seed gives the same result.

  --capacity FILE         costs measured by npm run bench:capacity (default: docs/capacity.json)
  --subscribers N         concurrent subscribers (default: 1000000)
  --per-server N          subscribers of one server (default: 10000)
  --zones N               zones, of which one is lost (default: 3)
  --database-cores N      cores of the primary (default: 16)
  --redis-primaries N     primaries of the Redis Cluster (default: 6)
  --outage-seconds N      time without a primary of the database (default: 25)
  --starts N              tasks that users start per second (default: 1000)
  --seed N                of the random numbers (default: 1)
  --output DIRECTORY      writes DIRECTORY/scale.svg, and the tables into DIRECTORY/scale.md
  --help                  this
`

const defaults = {
  capacity: 'docs/capacity.json',
  subscribers: '1000000',
  'per-server': '10000',
  zones: '3',
  'database-cores': '16',
  'redis-primaries': '6',
  'outage-seconds': '25',
  starts: '1000',
  seed: '1',
} as const
const options = Object.fromEntries(
  Object.entries(defaults).map(([name, fallback]) => [name, { type: 'string' as const, default: fallback }]),
)
const values: Readonly<Record<string, string | boolean | undefined>> = parseArgs({
  options: { ...options, output: { type: 'string' }, help: { type: 'boolean', default: false } },
}).values
if (values['help'] === true) {
  process.stdout.write(usage)
  process.exit(0)
}
const numberOf = (name: keyof typeof defaults): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value > 0) return value
  process.stderr.write(`--${name} is ${JSON.stringify(values[name])}; write a whole number of at least 1\n`)
  process.exit(1)
}

const subscribers = numberOf('subscribers')
const zones = numberOf('zones')
const databaseCores = numberOf('database-cores')
const redisPrimaries = numberOf('redis-primaries')
const seed = numberOf('seed')
const capacity = JSON.parse(await readFile(String(values['capacity']), 'utf8')) as Capacity
const { figures } = capacity
const config = parseConfig({})
/** Time within which a Redis answers the probes of a server: `src/bus/redis-bus.ts`. */
const redisProbeMs = 3_000
const choices = { subscribersPerServer: numberOf('per-server'), utilization: 0.5, checkMs: config.CHECK_MS }

/** Two extremes of the same product: every subscriber follows its own task, or a hundred follow the same. */
const workloads: readonly (readonly [name: string, load: Omit<Workload, 'subscribers'>])[] = [
  ['own topics', { subscribersPerTopic: 1, eventsPerSecond: 0.1, churnPerSecond: 0.001 }],
  ['shared topics', { subscribersPerTopic: 100, eventsPerSecond: 1, churnPerSecond: 0.001 }],
]
const output: string[] = []
const print = (text: string): void => {
  output.push(text)
  console.log(text)
}
const table = (head: readonly string[], rows: readonly (readonly string[])[]): void => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  print([line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n'))
}
const seconds = (ms: number): string => (Number.isFinite(ms) ? `${formatNumber(ms / 1_000, 1)} s` : 'never')
const cores = (value: number): string => formatNumber(value, value < 10 ? 1 : 0)

/** Connections of a process to PostgreSQL: its pool, and two for its vital statements. */
const connectionsPerProcess = config.DATABASE_POOL + 2
const gigabytes = (bytes: number): string => `${formatNumber(bytes / 1e9, bytes < 1e10 ? 1 : 0)} GB`
const coresToPlan = (needs: Needs): number =>
  (needs.serverCores + needs.databaseCores + needs.redisCores + needs.pgbouncerCores) / choices.utilization

/** Which limit of one server, PostgreSQL, Redis and PgBouncer is reached first. */
function printFirstLimits(): void {
  const limits = workloads.map(([, load]) =>
    findLimits(load, figures, {
      ...choices,
      zones,
      proofMs: defaultTiming.proofMs,
      probeMs: redisProbeMs,
      retentionHours: config.RETENTION_HOURS,
    }),
  )
  print(
    `The subscribers with which one of each, with one core (of which ${choices.utilization * 100} % are used), reaches each of its limits, with the two loads of the next section. **Bold**: the first one of the component.\n`,
  )
  const [ofOwn = [], ofShared = []] = limits
  table(
    ['component', 'limit', ...workloads.map(([name]) => name)],
    ofOwn.map(({ component, what }, index) => [
      component,
      what,
      ...[ofOwn, ofShared].map((all) => {
        const own = all[index]?.subscribers ?? Number.NaN
        const isFirst = all.every((limit) => limit.component !== component || limit.subscribers >= own)
        return isFirst ? `**${formatNumber(own)}**` : formatNumber(own)
      }),
    ]),
  )
}

function printNeeds(): void {
  const sizes = [...new Set([10_000, subscribers, 100_000_000])].sort((left, right) => left - right)
  for (const [name, load] of workloads) {
    print(
      `**${name[0]?.toUpperCase()}${name.slice(1)}**: ${load.subscribersPerTopic} ${load.subscribersPerTopic === 1 ? 'subscriber' : 'subscribers'} each, ${load.eventsPerSecond} events a second each; ${formatNumber(load.churnPerSecond * 100, 1)} % of the subscribers connect anew in each second.\n`,
    )
    const all = sizes.map((size) => dimension({ ...load, subscribers: size }, figures, choices))
    const row = (title: string, cellOf: (needs: Needs) => string): readonly string[] => [title, ...all.map(cellOf)]
    table(
      ['subscribers', ...sizes.map((size) => formatNumber(size))],
      [
        row('topics', ({ topics }) => formatNumber(topics)),
        row('events per second', ({ eventsPerSecond }) => formatNumber(eventsPerSecond)),
        row('servers', ({ servers }) => formatNumber(servers)),
        row('cores of all servers, used', (needs) => cores(needs.serverCores)),
        row('memory of all servers', ({ serverGigabytes }) => `${formatNumber(serverGigabytes, 1)} GB`),
        row('topics that one server follows', ({ topicsPerServer }) => formatNumber(topicsPerServer)),
        row('cores of PostgreSQL, used', (needs) => cores(needs.databaseCores)),
        row('of these, comparison with the log', ({ comparisonCores }) => cores(comparisonCores)),
        row('write-ahead log', (needs) => `${formatNumber(needs.walMegabytesPerSecond, 1)} MB/s`),
        row(`disk, events kept for \`RETENTION_HOURS\` (${config.RETENTION_HOURS})`, (needs) =>
          gigabytes(needs.eventsPerSecond * 3_600 * config.RETENTION_HOURS * eventBytes),
        ),
        row('cores of Redis, used', ({ redisCores }) => cores(redisCores)),
        row('memory of Redis', ({ redisGigabytes }) => `${formatNumber(redisGigabytes, 2)} GB`),
        row('cores of PgBouncer, used', ({ pgbouncerCores }) => cores(pgbouncerCores)),
        row('connections of the servers to PostgreSQL', ({ servers }) => formatNumber(servers * connectionsPerProcess)),
        row(
          'memory of these without PgBouncer',
          ({ servers }) =>
            `${formatNumber((servers * connectionsPerProcess * figures.postgresBytesPerConnection) / 1e9, 1)} GB`,
        ),
        row('**cores to plan, all components**', (needs) => cores(coresToPlan(needs))),
      ],
    )
  }
}

const [, ownLoad] = workloads[0] ?? ['', { subscribersPerTopic: 1, eventsPerSecond: 0.1, churnPerSecond: 0 }]
const stormOf = (perServer: number, change: Partial<StormOptions>): StormOptions => {
  const needs = dimension({ ...ownLoad, subscribers }, figures, { ...choices, subscribersPerServer: perServer })
  const lost = Math.round(subscribers / zones)
  const left = Math.max(1, Math.floor((needs.servers * (zones - 1)) / zones))
  return {
    clients: lost,
    servers: left,
    // The servers that are left serve the others too, and after the storm all.
    serverBusy: Math.min(0.9, needs.serverBusy),
    databaseCores,
    databaseBusy: Math.min(0.9, needs.databaseCores / databaseCores),
    redisPrimaries,
    redisBusy: Math.min(0.9, needs.redisCores / redisPrimaries),
    backoffMs: defaultTiming.backoffMs,
    maxReconnectMs: defaultTiming.maxReconnectMs,
    proofMs: defaultTiming.proofMs,
    noticedWithinMs: 0,
    unavailableMs: 0,
    seed,
    ...change,
  }
}
/** Whether no attempt was in vain, and no statement was near its timeout. */
const isBelowCapacity = ({ unanswered, longestStatementMs }: Storm): boolean =>
  unanswered === 0 && longestStatementMs < config.DATABASE_STATEMENT_MS / 2

/** Tried for the first pause of a client, in milliseconds. */
const backoffs = [0, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000]
const findBackoff = (perServer: number): { readonly backoffMs: number; readonly storm: Storm } | null => {
  for (const backoffMs of backoffs) {
    const storm = simulateStorm(
      stormOf(perServer, { backoffMs, maxReconnectMs: Math.max(backoffMs, defaultTiming.maxReconnectMs) }),
      figures,
    )
    if (isBelowCapacity(storm)) return { backoffMs, storm }
  }
  return null
}

/** A line of the picture. */
interface Line {
  readonly name: string
  readonly curve: readonly number[]
}

function printStorms(): readonly Line[] {
  const lines: Line[] = []
  const rows: (readonly string[])[] = []
  const run = (name: string, perServer: number, change: Partial<StormOptions>, isDrawn = false): void => {
    const given = stormOf(perServer, change)
    const storm = simulateStorm(given, figures)
    if (isDrawn) lines.push({ name, curve: storm.curve })
    rows.push([
      name,
      formatNumber(given.clients / given.servers),
      formatNumber(storm.unanswered),
      seconds(storm.longestServerMs),
      seconds(storm.longestDatabaseMs),
      seconds(storm.longestStatementMs),
      seconds(storm.longestRedisMs),
      seconds(storm.mostBackMs),
      seconds(storm.allBackMs),
      isBelowCapacity(storm) ? 'yes' : '**no**',
    ])
  }
  const few = choices.subscribersPerServer
  const { backoffMs, pingMs } = defaultTiming
  run(`${formatNumber(few)} per server, defaults`, few, {}, true)
  run('… without a pause', few, { backoffMs: 0, maxReconnectMs: 0 })
  run('… connections silent, not reset', few, { noticedWithinMs: pingMs })
  run(`… ${databaseCores / 4} cores of PostgreSQL`, few, { databaseCores: Math.max(1, databaseCores / 4) })
  run('… servers busy for 80 % of their time', few, { serverBusy: 0.8 }, true)
  run(`${formatNumber(2 * few)} per server, defaults`, 2 * few, {}, true)
  run(`${formatNumber(4 * few)} per server, defaults`, 4 * few, {}, true)
  print(
    `${formatNumber(stormOf(few, {}).clients)} of ${formatNumber(subscribers)} clients lose their connections at the same moment, as one of ${zones} zones is lost. Default back-off: a pause of 0 to ${formatNumber(backoffMs)} ms before the first attempt, doubled after each to at most ${formatNumber(defaultTiming.maxReconnectMs)} ms; an attempt is given up after ${formatNumber(defaultTiming.proofMs)} ms.\n`,
  )
  table(
    [
      'subscribers',
      'clients for each server',
      'unanswered attempts',
      'longest wait for a server',
      'for what was missed',
      'longest statement',
      'wait for Redis',
      '99 % back after',
      'all back after',
      'below capacity',
    ],
    rows,
  )
  const found = [1, 2, 4].map((factor) => {
    const perServer = few * factor
    const answer = findBackoff(perServer)
    if (answer !== null && factor === 4)
      lines.push({ name: `… with backoffMs ${formatNumber(answer.backoffMs)}`, curve: answer.storm.curve })
    return [
      formatNumber(perServer),
      answer === null ? 'none of those tried' : `${formatNumber(answer.backoffMs)} ms`,
      answer === null ? '–' : seconds(answer.storm.allBackMs),
    ]
  })
  print('The least `backoffMs` that keeps the storm below capacity:\n')
  table(['subscribers per server', '`backoffMs`', 'all back after'], found)
  return lines
}

const failoverOptions = (cores: number, maxBackoffMs: number): FailoverOptions => {
  const { topicsPerServer, servers } = dimension({ ...ownLoad, subscribers }, figures, choices)
  return {
    topicsPerServer,
    servers,
    databaseCores: cores,
    outageMs: numberOf('outage-seconds') * 1_000,
    startsPerSecond: numberOf('starts'),
    heldMs: 8_000,
    backoffMs: Math.min(defaultTiming.backoffMs, maxBackoffMs),
    maxBackoffMs,
    seed,
  }
}
/** Whether no statement was near its timeout, and no start near that of its client. */
const isFailoverBelowCapacity = ({ longestStatementMs, longestStartMs }: Failover): boolean =>
  longestStatementMs < config.DATABASE_STATEMENT_MS / 2 && longestStartMs < defaultTiming.requestMs

function printFailover(): void {
  const { outageMs, startsPerSecond } = failoverOptions(databaseCores, defaultTiming.maxBackoffMs)
  const rows = [1, 4].map((factor) => {
    const own = Math.max(1, databaseCores / factor)
    const failover = simulateFailover(failoverOptions(own, defaultTiming.maxBackoffMs), figures)
    return [
      formatNumber(own),
      seconds(failover.snapshotsMs),
      seconds(failover.longestStatementMs),
      seconds(failover.startsMs),
      seconds(failover.longestStartMs),
      isFailoverBelowCapacity(failover) ? 'yes' : '**no**',
    ]
  })
  print(
    `The database has no primary for ${outageMs / 1_000} s while ${formatNumber(startsPerSecond)} tasks a second are started. Afterwards every server reads every topic that it follows, for the snapshots with reason \`RESET\`, with ${statementsPerServer} statements of ${readsPerStatement} topics at once; a statement may take ${formatNumber(config.DATABASE_STATEMENT_MS)} ms. A server holds a start for 8 s; afterwards the client sends it again, after a pause of up to ${formatNumber(defaultTiming.maxBackoffMs)} ms, and each time waits for ${formatNumber(defaultTiming.requestMs)} ms at most.\n`,
  )
  table(
    [
      'cores of PostgreSQL',
      'all snapshots after',
      'longest statement',
      'last start after',
      'longest wait of a start',
      'below capacity',
    ],
    rows,
  )
}

/** Time in which no server exists, in the table of all back-offs, in milliseconds. */
const serversAwayMs = 10_000
/** How often a server compares its topics with the log while Redis is unavailable: `src/log/feed.ts`. */
const awayCheckMs = 250

/** Every pause that spreads a storm, with the least value that keeps it below capacity. */
function printBackoffs(): void {
  const needs = dimension({ ...ownLoad, subscribers }, figures, choices)
  const perServer = choices.subscribersPerServer
  const { backoffMs, maxReconnectMs, maxBackoffMs } = defaultTiming
  const first = findBackoff(perServer)
  const ofAll = (longestMs: number): StormOptions =>
    stormOf(perServer, {
      clients: subscribers,
      servers: needs.servers,
      unavailableMs: serversAwayMs,
      backoffMs: Math.min(backoffMs, longestMs),
      maxReconnectMs: longestMs,
    })
  // Without a pause, clients would try again and again within no time.
  const longest = backoffs.find((ms) => ms >= 1_000 && isBelowCapacity(simulateStorm(ofAll(ms), figures)))
  const away = simulateStorm(ofAll(maxReconnectMs), figures)
  const failoverOf = (longestMs: number) => simulateFailover(failoverOptions(databaseCores, longestMs), figures)
  const resend = backoffs.find((ms) => isFailoverBelowCapacity(failoverOf(ms)))
  const atDefault = failoverOf(maxBackoffMs)
  const renewMs = (needs.topicsPerServer * needs.servers * figures.redisSubscribeUs) / redisPrimaries / 1_000
  const comparisonCores = (needs.topicsPerServer * needs.servers * figures.postgresComparisonUs) / awayCheckMs / 1_000
  const connects = needs.servers * connectionsPerProcess
  const msOf = (ms: number | undefined): string => (ms === undefined ? 'none of those tried' : `${formatNumber(ms)} ms`)
  table(
    ['after', 'pause', 'default', 'below capacity from', 'with the default'],
    [
      [
        `the loss of one of ${zones} zones`,
        '`backoffMs` of the client: the first pause before it connects again',
        msOf(backoffMs),
        msOf(first?.backoffMs),
        `all back after ${seconds(simulateStorm(stormOf(perServer, {}), figures).allBackMs)}`,
      ],
      [
        `all servers unavailable for ${serversAwayMs / 1_000} s`,
        '`maxReconnectMs` of the client: the longest pause before it connects again',
        msOf(maxReconnectMs),
        msOf(longest),
        `all back ${seconds(away.allBackMs - serversAwayMs)} after the servers; until then ${formatNumber((away.refused * 1_000) / serversAwayMs)} attempts a second reach the load balancers; ${formatNumber(away.unanswered)} unanswered`,
      ],
      [
        'a failover of the database',
        '`maxBackoffMs` of the client: the longest pause before it sends a mutation or query again',
        msOf(maxBackoffMs),
        msOf(resend),
        `last start after ${seconds(atDefault.startsMs)}, longest wait ${seconds(atDefault.longestStartMs)}`,
      ],
      [
        'a failover of the database',
        'none: a server opens connections when it needs them',
        '–',
        '0 ms',
        `${formatNumber(connects)} connections without PgBouncer take ${seconds((connects * figures.postgresConnectionUs) / 1_000 / databaseCores)} of ${formatNumber(databaseCores)} cores`,
      ],
      [
        'the loss of a primary of Redis',
        'of a server before it connects again: 50 ms, doubled to at most 2,000 ms',
        'fixed',
        '0 ms',
        `its subscriptions are renewed within ${seconds(renewMs)}, while probes wait for ${seconds(redisProbeMs)} at most`,
      ],
      [
        'the loss of all Redis',
        `between comparisons with the log: ${awayCheckMs} ms, more when a comparison takes longer than a tenth of the time; at most \`CHECK_MS\``,
        'fixed',
        '–',
        `at most ${cores(comparisonCores)} cores of PostgreSQL`,
      ],
    ],
  )
}

/** What one of each carries, with the share of its core that is planned for. */
function printCapacities(): void {
  const perSecond = (us: number): string => formatNumber(Math.round((choices.utilization * 1e6) / us))
  const comparedTopics = (choices.utilization * 1e6 * choices.checkMs) / 1_000 / figures.postgresComparisonUs
  print(`With ${choices.utilization * 100} % of one core, one of each carries one of these loads:\n`)
  table(
    ['component', 'load', 'at most'],
    [
      ['server', 'idle subscribers, by processor time', perSecond(figures.serverIdleUsPerSecond)],
      [
        'server',
        'idle subscribers, by memory of 1 GB',
        formatNumber((1e9 - processBytes) / figures.serverBytesPerSubscriber),
      ],
      ['server', 'deliveries per second, many subscribers of a topic', perSecond(figures.serverSharedDeliveryUs)],
      ['server', 'deliveries per second, one subscriber of each topic', perSecond(figures.serverOwnDeliveryUs)],
      ['server', 'clients that reconnect, per second', perSecond(figures.serverResumeUs)],
      ['server', 'new clients per second, with a snapshot', perSecond(figures.serverConnectUs)],
      ['PostgreSQL', 'events per second', perSecond(figures.postgresAppendUs)],
      ['PostgreSQL', 'tasks started per second, `QUEUE_BACKEND=redis`', perSecond(figures.postgresStartUs)],
      ['PostgreSQL', 'tasks started per second, `QUEUE_BACKEND=postgres`', perSecond(figures.postgresStartWithQueueUs)],
      ['PostgreSQL', 'clients that reconnect, per second', perSecond(figures.postgresResumeUs)],
      ['PostgreSQL', 'topics followed, summed over all servers', formatNumber(Math.round(comparedTopics))],
      ['Redis', 'events per second, each for one server', perSecond(figures.redisPublishUs + figures.redisDeliveryUs)],
      [
        'Redis',
        'events per second, each for 50 servers',
        perSecond(figures.redisPublishUs + 50 * figures.redisDeliveryUs),
      ],
      ['PgBouncer', 'statements per second', perSecond(figures.pgbouncerStatementUs)],
    ],
  )
}

function printFigures(): void {
  print(`Measured on ${capacity.at} at ${capacity.commit}, on ${capacity.machine}, by \`npm run bench:capacity\`:\n`)
  const unitOf = (name: string): string => (name.includes('Bytes') ? 'bytes' : 'µs of a core')
  table(
    ['figure', 'value'],
    (Object.entries(figures) as [keyof Figures, number][]).map(([name, value]) => [
      `\`${name}\``,
      `${formatNumber(value, value < 100 ? 1 : 0)} ${unitOf(name)}`,
    ]),
  )
}

const colors = ['#0f9d78', '#1a73e8', '#e8710a', '#d93025', '#9334e6']

function draw(lines: readonly Line[]): string {
  const plot = { left: 56, top: 20 + lines.length * 18, width: 640, height: 260 }
  const untilMs = Math.max(...lines.map(({ curve }) => curve.length)) * curveStepMs
  const stepMs = [1_000, 2_000, 5_000, 10_000, 20_000, 60_000].find((step) => untilMs / step <= 12) ?? 120_000
  const x = (ms: number): string => (plot.left + (plot.width * ms) / untilMs).toFixed(1)
  const y = (share: number): string => (plot.top + plot.height * (1 - share)).toFixed(1)
  const ticks = Array.from({ length: Math.floor(untilMs / stepMs) + 1 }, (_, index) => index * stepMs).map(
    (ms) =>
      `<text x="${x(ms)}" y="${plot.top + plot.height + 16}" text-anchor="middle" font-size="10">${ms / 1_000}</text>`,
  )
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<path d="M${plot.left} ${y(share)}h${plot.width}" stroke="#eee"/><text x="${plot.left - 6}" y="${Number(y(share)) + 3}" text-anchor="end" font-size="10">${share * 100} %</text>`,
  )
  const series = lines.map(({ name, curve }, index) => {
    const color = colors[index % colors.length] ?? '#333'
    const points = [0, ...curve].map((share, step) => `${x(step * curveStepMs)},${y(share)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"/><rect x="${plot.left}" y="${8 + index * 18}" width="10" height="10" fill="${color}"/><text x="${plot.left + 15}" y="${17 + index * 18}" font-size="11">${name}</text>`
  })
  const height = plot.top + plot.height + 40
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${plot.left + plot.width + 16} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333" role="img" aria-label="Clients that return after the loss of a zone"><rect width="100%" height="100%" fill="#fff"/>${grid.join('')}${ticks.join('')}${series.join('')}<text x="${plot.left + plot.width / 2}" y="${height - 8}" text-anchor="middle">seconds after the loss of a zone: share of its clients that are back</text></svg>\n`
}

printFigures()
printCapacities()
printFirstLimits()
print('### Cores and memory\n')
printNeeds()
print('### Loss of a zone\n')
const lines = printStorms()
print('![The share of the clients that are back, against the time](scale.svg)\n')
print('### Failover of the database\n')
printFailover()
print('### Every back-off\n')
printBackoffs()

if (values['output'] !== undefined) {
  const directory = String(values['output'])
  await writeFile(`${directory}/scale.svg`, draw(lines))
  const file = `${directory}/scale.md`
  const text = await readFile(file, 'utf8')
  const [before = '', rest = ''] = text.split('<!-- npm run simulate -->\n')
  const [, after = ''] = rest.split('<!-- end -->\n')
  await writeFile(
    file,
    `${before}<!-- npm run simulate -->\n\n${output.join('\n').trimEnd()}\n\n<!-- end -->\n${after}`,
  )
}
