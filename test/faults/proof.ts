import { rules, type Violation } from './history/history.ts'
import { combinedName, faults } from './kinds/table.ts'
import { quantile } from './rig/recovery.ts'
import type { RunResult } from './rig/run-fault.ts'

/**
 * The recovery over all runs of a fault, in milliseconds. The first three are null when no
 * subscription was behind at the end of the fault.
 */
export interface ProofRecovery {
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
  readonly ready: number
  readonly task: number
}

/** All runs of one fault. */
export interface ProofRow {
  readonly fault: string
  readonly group: string
  readonly leavesServer: boolean
  readonly runs: number
  readonly tasks: number
  readonly deliveries: number
  readonly reported: number
  readonly violations: readonly (Violation & { readonly seed: number })[]
  readonly recovery: ProofRecovery
}

/** Where and when a result was made. */
type Origin = Pick<Proof, 'commit' | 'machine' | 'startedAt' | 'seed'>

/** The result of a run of the rig: the content of `docs/proof.json`. */
export interface Proof {
  readonly commit: string
  readonly machine: string
  readonly startedAt: string
  readonly seed: number
  readonly minutes: number
  readonly rows: readonly ProofRow[]
  /** Kinds that were run again later, whose rows replace the earlier ones. */
  readonly repeated?: readonly (Origin & { readonly faults: readonly string[] })[]
  /** The kinds of faults that were not run, or could not be caused. */
  readonly missing: readonly string[]
  readonly total: {
    readonly runs: number
    readonly tasks: number
    readonly deliveries: number
    readonly violations: number
  }
}

/** Aim for the 99th percentile of recovery, in milliseconds. */
function aimOf(leavesServer: boolean): number {
  return leavesServer ? 5_000 : 10_000
}

/** Violations listed per fault; more of the same add nothing. */
const maxListed = 20

const order = [...faults.map(({ name }) => name), combinedName]

/** Sums runs by fault. */
export function createProof(results: readonly RunResult[], origin: Origin): Proof {
  const rows = [...Map.groupBy(results, ({ fault }) => fault)]
    .sort(([left], [right]) => order.indexOf(left) - order.indexOf(right))
    .map(([fault, runs]): ProofRow => {
      const deliveryMs = runs.flatMap(({ recovery }) => recovery.deliveryMs).sort((left, right) => left - right)
      return {
        fault,
        group: runs[0]?.group ?? '',
        leavesServer: runs[0]?.leavesServer ?? false,
        runs: runs.length,
        tasks: sum(runs, ({ tasks }) => tasks),
        deliveries: sum(runs, ({ deliveries }) => deliveries),
        reported: sum(runs, ({ reported }) => reported),
        violations: runs.flatMap(({ violations, seed }) => violations.map((violation) => ({ ...violation, seed }))),
        recovery: {
          p50: deliveryMs.length === 0 ? null : Math.round(quantile(deliveryMs, 0.5)),
          p99: deliveryMs.length === 0 ? null : Math.round(quantile(deliveryMs, 0.99)),
          max: deliveryMs.length === 0 ? null : Math.round(deliveryMs.at(-1) ?? 0),
          ready: Math.round(Math.max(...runs.map(({ recovery }) => recovery.readyMs))),
          task: Math.round(Math.max(...runs.map(({ recovery }) => recovery.taskMs))),
        },
      }
    })
  const minutes = Math.round(sum(results, ({ durationMs }) => durationMs) / 60_000)
  return { ...origin, minutes, ...sumUp(rows) }
}

/** Replaces the rows of an earlier result by those of a later one. */
export function mergeProofs(earlier: Proof, later: Proof): Proof {
  const { commit, machine, startedAt, seed, rows } = later
  const names = rows.map(({ fault }) => fault)
  const kept = earlier.rows.filter(({ fault }) => !names.includes(fault))
  // What was repeated before, and now again, counts no more.
  const others = (earlier.repeated ?? []).filter((part) => !part.faults.every((fault) => names.includes(fault)))
  return {
    ...earlier,
    minutes: earlier.minutes + later.minutes,
    repeated: [...others, { commit, machine, startedAt, seed, faults: names }],
    ...sumUp([...kept, ...rows].sort((left, right) => order.indexOf(left.fault) - order.indexOf(right.fault))),
  }
}

function sumUp(rows: readonly ProofRow[]): Pick<Proof, 'rows' | 'missing' | 'total'> {
  return {
    rows,
    missing: faults
      .filter(({ name, group }) => group !== 'none' && !rows.some(({ fault }) => fault === name))
      .map(({ name }) => name),
    total: {
      runs: sum(rows, ({ runs }) => runs),
      tasks: sum(rows, ({ tasks }) => tasks),
      deliveries: sum(rows, ({ deliveries }) => deliveries),
      violations: sum(rows, ({ violations }) => violations.length),
    },
  }
}

function sum<T>(values: readonly T[], numberOf: (value: T) => number): number {
  return values.reduce((total, value) => total + numberOf(value), 0)
}

const format = (value: number): string => value.toLocaleString('en-US')

const summaryLine = /^- \[docs\/proof\.md\]\(docs\/proof\.md\):.*$/m

/** Describes how many of the kinds of faults were run; combinations of them are no kinds. */
function describeKinds({ rows, missing }: Proof): string {
  const kinds = rows.filter(({ fault, group }) => group !== 'none' && fault !== combinedName).length
  return `${kinds} of ${kinds + missing.length} kinds of faults`
}

/** Replaces the line of the README that states the sum. */
export function insertSummary(readme: string, proof: Proof): string {
  const { total } = proof
  const line = `- [docs/proof.md](docs/proof.md): ${format(total.deliveries)} deliveries during ${describeKinds(proof)}, ${format(total.violations)} violations of the contract; repeat it with \`npm run faults\``
  return readme.replace(summaryLine, line)
}

/** Renders `docs/proof.md`. */
export function renderProof(proof: Proof): string {
  const { commit, machine, startedAt, seed, minutes, rows, missing, total, repeated = [] } = proof
  const isAimMissed = ({ recovery: { p99 }, leavesServer }: ProofRow): boolean => (p99 ?? 0) > aimOf(leavesServer)
  const measured = rows.filter(({ recovery }) => recovery.p99 !== null)
  const table = rows.map((row) => {
    const { fault, runs, deliveries, violations, reported, recovery, leavesServer } = row
    const { p50, p99, max, ready, task } = recovery
    const delivery = p50 === null || p99 === null || max === null ? '–' : [p50, p99, max].map(format).join(' / ')
    const aim = `${format(aimOf(leavesServer))}${isAimMissed(row) ? ' missed' : ''}`
    return `| ${fault} | ${runs} | ${format(deliveries)} | ${violations.length} | ${format(reported)} | ${delivery} | ${aim} | ${format(ready)} | ${format(task)} |`
  })
  const violations = rows.flatMap(({ fault, violations: found }) =>
    found
      .slice(0, maxListed)
      .map(
        ({ rule, subject, detail, seed: own }) =>
          `- ${fault}, seed ${own}: ${rule}: ${subject}: ${detail.slice(0, 300)}`,
      ),
  )
  return `# Proof

Generated by \`npm run faults -- --minutes N --output docs/proof.json\`; do not edit. Run it yourself: \`npm run faults -- --help\`.

**${format(total.deliveries)} deliveries in ${format(total.runs)} runs of ${describeKinds(proof)}, alone and combined: ${format(total.violations)} violations.**

Commit ${commit}, ${startedAt.slice(0, 10)}, ${minutes} minutes, ${machine}; seeds from ${seed}.${repeated
    .map(
      (part) =>
        ` Run again at commit ${part.commit}, ${part.startedAt.slice(0, 10)}, seeds from ${part.seed}: ${part.faults.join('; ')}.`,
    )
    .join('')}

## System under test

Two servers, two workers, PostgreSQL, Redis and nginx are separate processes on one machine. Every connection of a client, and every connection to PostgreSQL and Redis, goes through a TCP proxy that can cut, delay, stall, swallow and reset it at any byte. The subscribers are our client on each transport, directly and through nginx, a minimal WebSocket client with a cursor, polling with \`fetch\`, \`EventSource\`, Apollo Client and plain graphql-ws. The load is tasks of several kinds that complete, fail, are retried and are canceled, a session with replies, roadmaps, quizzes, deletions, and pruning of logs.

Each run has a steady phase, the fault, and another steady phase, until every task and every subscription has ended. Then a checker, which shares no code with the engine, compares the record of every subscriber with the log, read with plain SQL. The checker has mutants (\`test/faults/history/mutants.ts\`), which the tests require it to detect.

## Rules

| rule | violated when |
| --- | --- |
${Object.entries(rules)
  .map(([rule, meaning]) => `| ${rule} | ${meaning} |`)
  .join('\n')}

## Results

*Reported gaps* are snapshots with a reason (\`LAGGED\`, \`PRUNED\`, \`RESET\`), which the contract allows. *Recovery* is counted in milliseconds from the end of the fault: until a subscription that was behind has received the newest event (p50 / p99 / max over all of them), until all servers are ready, and until a new task has completed (the slowest run). \`LEASE_MS\` is 3000. Since the commit 991a025 the clients notice a silent connection within 4 s and reconnect at least every 2 s; before, after 13 and every 5 s, the defaults of our client. A plain \`EventSource\` cannot notice one: Node's gives up after five minutes. *Aim* is that for the p99: 5 s where a server keeps working, else 10 s; ${measured.filter((row) => !isAimMissed(row)).length} of ${measured.length} rows reach it. A dash: no subscription was behind.

| fault | runs | deliveries | violations | reported gaps | recovery p50 / p99 / max | aim | ready | new task |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${table.join('\n')}
| **all** | **${format(total.runs)}** | **${format(total.deliveries)}** | **${format(total.violations)}** | | | | | |
${violations.length === 0 ? '' : `\n## Violations\n\n${violations.join('\n')}\n`}${missing.length === 0 ? '' : `\n## Not in this run\n\n${missing.join('; ')}.\n`}`
}
