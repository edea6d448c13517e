import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkHistory, type Verdict } from '../history/check.ts'
import type { Log, Restoration, Violation } from '../history/history.ts'
import { readLog } from '../history/read-log.ts'
import type { Fault } from '../kinds/fault.ts'
import { createSubscriber, subscriberKinds } from '../subscribers/create.ts'
import { pause, type SubscriberClient } from '../subscribers/subscriber.ts'
import type { Environment, RigServer } from './environment.ts'
import { type Load, startLoad } from './load.ts'
import { createRandom } from './random.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import { type Loss, measureDelivery, measureLoss, measureResets, type Recovery, type Resets } from './recovery.ts'
import { createRequests } from './requests.ts'

/** The result of one run of one fault. */
export interface RunResult extends Verdict {
  readonly fault: string
  /** The names of the faults of a combination. */
  readonly parts?: readonly string[]
  readonly group: string
  readonly seed: number
  readonly leavesServer: boolean
  readonly durationMs: number
  readonly recovery: Recovery
  /** The largest number of subscriptions that were open at once. */
  readonly mostOpen: number
  /** From the beginning of the fault until every server trusted the bus for good, in milliseconds. */
  readonly distrustedMs: number
  /** Of a failover. */
  readonly resets?: Resets
  /** Of a failover that loses events. */
  readonly loss?: Loss
  /** Why the fault could not be caused, or not be ended. */
  readonly failure?: string
}

/** Options of {@link runFault}. */
export interface RunOptions {
  readonly environment: Environment
  readonly fault: Fault
  readonly seed: number
  readonly rate: number
  readonly fanOut: number
  /** The number of open subscriptions with which the fault is caused. */
  readonly subscribers: number
  /** The directory of the histories. */
  readonly directory: string
  readonly keepsHistory: boolean
  readonly previous?: URL
}

const steadyMs = 3_000
/**
 * Longest load after a fault, in milliseconds. On a machine that is too busy for it, a new task would wait
 * behind ever more others.
 */
const longestLoadMs = 15_000
/** Time after the end of a fault without any progress, after which a run is stuck. */
const longestEndMs = 300_000

/**
 * Runs a fault in the middle of a load: a steady phase, the fault, a steady phase; then waits until
 * everything has ended, and checks the history.
 */
export async function runFault(options: RunOptions): Promise<RunResult> {
  const { environment, fault, seed, rate, fanOut, subscribers, directory, keepsHistory, previous } = options
  const { postgres } = environment
  const random = createRandom(seed)
  const runName = `${seed}-${Date.now().toString(36)}`
  const file = join(directory, `${runName}.jsonl`)
  const startedAt = performance.now()
  const [clock] = await postgres.query<{ now: Date }>('select clock_timestamp() as now')
  const crashesBefore = environment.crashes.length
  environment.restoration = undefined
  await using recorder = createRecorder(file)
  await using stack = new AsyncDisposableStack()
  const clients = createClients({ environment, recorder, random, stack, fanOut })
  const load = startLoad({ environment, recorder, random: random.fork('load'), clients, runName, rate, fanOut })

  await pause(steadyMs)
  while (recorder.open < subscribers && performance.now() - startedAt < longestEndMs) await pause(20)
  let failure: string | undefined
  const trust = watchTrust(environment)
  const causedAt = performance.now()
  const recover = (endedAt: number) => ({
    endedAt,
    recovering: Promise.all([
      readHeads(environment, load),
      untilReady(environment, endedAt),
      untilTaskCompleted({ environment, recorder, runName, endedAt }),
    ]),
  })
  let recovery: ReturnType<typeof recover> | undefined
  const context = {
    environment,
    random: random.fork('fault'),
    beginRecovery: () => {
      recovery = recover(performance.now())
    },
    defer: (end: () => Promise<void>) => stack.defer(end),
    ...(previous === undefined ? {} : { previous }),
  }
  await fault.run(context).catch((error: unknown) => {
    failure = String(error)
  })
  const faultEndedAt = performance.now()
  await environment.heal()
  recovery ??= recover(faultEndedAt)
  const { endedAt, recovering } = recovery
  await Promise.all([pause(steadyMs), Promise.race([recovering, pause(longestLoadMs)])])
  const distrustedMs = await trust.end()
  await load.end()
  const [heads, readyMs, taskMs] = await recovering
  const since = clock?.now ?? new Date()
  await untilOver(environment, load, recorder, since)

  const topics = new Set([...load.topics, ...startedTopics(recorder), ...(await storedTopics(environment, since))])
  const log = await readLog((statement, values) => postgres.query(statement, values), [...topics], since)
  const { deleted } = load
  const restored = await readRestored(environment, [...topics])
  const failedOver = postgres.patroni !== undefined || postgres.pair !== undefined
  const { entries } = recorder
  const { behindMs } = (environment as Environment).restoration ?? {}
  const loss =
    restored === undefined || behindMs === undefined ? undefined : measureLoss(entries, log, restored, behindMs)
  if (loss?.events === 0) failure ??= 'no event was lost'
  const verdict = checkHistory({
    entries,
    log,
    deleted,
    failedOver,
    ...(restored === undefined ? {} : { restored }),
  })
  // A process that cannot be started is no crash of the product, but a fault that could not be caused.
  const crashes = (failure === undefined ? environment.crashes.slice(crashesBefore) : []).map(
    (detail): Violation => ({ rule: 'crashed', subject: fault.name, detail }),
  )
  const late = [
    ...(readyMs === null ? ['the servers are not ready'] : []),
    ...(taskMs === null ? ['a new task has not completed'] : []),
  ].map(
    (detail): Violation => ({
      rule: 'stuck',
      subject: fault.name,
      detail: `${detail} ${longestEndMs} ms after the end`,
    }),
  )
  const violations = [...verdict.violations, ...crashes, ...late]
  await stack.disposeAsync()
  await environment.untilConnected()
  const isKept = keepsHistory || violations.length > 0
  if (isKept) await writeFile(file.replace('.jsonl', '.log.json'), describeLog(log))
  else await rm(file, { force: true })
  return {
    ...verdict,
    violations,
    fault: fault.name,
    ...(fault.parts === undefined ? {} : { parts: fault.parts }),
    group: fault.group,
    leavesServer: fault.leavesServer === true,
    seed,
    ...(failure === undefined ? {} : { failure }),
    durationMs: performance.now() - startedAt,
    mostOpen: recorder.mostOpen,
    distrustedMs,
    recovery: {
      deliveryMs: measureDelivery(recorder.entries, endedAt, heads),
      readyMs: readyMs ?? longestEndMs,
      taskMs: taskMs ?? longestEndMs,
    },
    ...(failedOver ? { resets: measureResets(entries, causedAt, endedAt) } : {}),
    ...(loss === undefined ? {} : { loss }),
  }
}

async function readRestored({ restoration }: Environment, names: readonly string[]): Promise<Restoration | undefined> {
  if (restoration === undefined) return undefined
  const { at, epoch, readTopics } = restoration
  return { at, epoch, topics: await readTopics(names) }
}

/** Returns the log as JSON, for whoever looks for the cause of a violation. */
function describeLog({ topics, tasks }: Log): string {
  return JSON.stringify({ topics: [...topics.values()], tasks: [...tasks.values()] })
}

/** Creates a client for each subscriber of a topic: within one, urql and Apollo share a subscription among equal operations. */
function createClients({
  environment,
  recorder,
  random,
  stack,
  fanOut,
}: {
  readonly environment: Environment
  readonly recorder: Recorder
  readonly random: ReturnType<typeof createRandom>
  readonly stack: AsyncDisposableStack
  readonly fanOut: number
}): readonly SubscriberClient[] {
  const urls = environment.servers.map(({ url }) => url)
  // Those beyond one of each kind are of the cheap raw kind, for the number of deliveries.
  const kinds = [...subscriberKinds, 'raw-websocket', 'websocket', 'raw-websocket', 'raw-websocket'] as const
  const others = Array.from({ length: Math.max(0, fanOut - kinds.length) }, () => 'raw-websocket' as const)
  return [...kinds, ...others].map((kind, index) =>
    stack.use(
      createSubscriber({
        kind,
        name: `${kind} ${index}`,
        urls,
        nginxUrl: environment.proxyUrl,
        recorder,
        random: random.fork(`client ${index}`),
      }),
    ),
  )
}

async function readHeads({ postgres }: Environment, { topics }: Load): Promise<ReadonlyMap<string, number>> {
  const rows = await postgres.query<{ name: string; seq: string }>(
    'select name, seq from tidings.topic where name = any($1)',
    [[...topics]],
  )
  return new Map(rows.map(({ name, seq }) => [name, Number(seq)]))
}

/** Waits until all servers are ready. @returns the time since the end of the fault; null when it took too long */
async function untilReady({ servers }: Environment, endedAt: number): Promise<number | null> {
  for (const { port } of servers)
    for (;;) {
      const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) break
      if (performance.now() - endedAt > longestEndMs) return null
      await pause(50)
    }
  return performance.now() - endedAt
}

/** Time between two questions to a server whether it trusts the bus. */
const trustMs = 100

/** Observes whether the servers trust the bus; one that does not answer is left out. */
function watchTrust({ servers }: Environment): { end(): Promise<number> } {
  const startedAt = performance.now()
  const ended = new AbortController()
  const ask = async ({ port }: RigServer): Promise<number> => {
    let distrustedAt = startedAt
    while (!ended.signal.aborted) {
      const url = `http://127.0.0.1:${port}/health/ready`
      const health = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.json() as Promise<{ readonly bus?: string }>,
        () => undefined,
      )
      if (health?.bus === 'away') distrustedAt = performance.now()
      await pause(trustMs, ended.signal)
    }
    return distrustedAt - startedAt
  }
  const running = Promise.all(servers.map(ask))
  return {
    async end() {
      ended.abort()
      return Math.max(...(await running))
    },
  }
}

const canaryQuery = `mutation ($key: String!) {
  importDocument(input: { source: { text: "# Owls" }, name: "owls.md", idempotencyKey: $key }) {
    __typename ... on Error { message } ... on ImportDocumentSuccess { task { id } } } }`

/**
 * Starts a task after the fault, of a kind without a queue, and waits until it has completed.
 * @returns the time since the end of the fault; null when it took too long
 */
async function untilTaskCompleted(options: {
  readonly environment: Environment
  readonly recorder: Recorder
  readonly runName: string
  readonly endedAt: number
}): Promise<number | null> {
  const { environment, recorder, runName, endedAt } = options
  const urls = environment.servers.map(({ url }) => url)
  const requests = createRequests(urls, recorder, createRandom(1))
  const key = `${runName} canary`
  const result = await requests.mutate(
    { name: 'start', key, query: canaryQuery, variables: { key } },
    (started) => (started['task'] as { readonly id: string } | undefined)?.id,
  )
  const { id } = (result?.['task'] ?? { id: '' }) as { readonly id: string }
  while (performance.now() - endedAt < longestEndMs) {
    const rows = await environment.postgres.query<{ status: string }>('select status from tidings.task where id = $1', [
      id,
    ])
    if (rows[0]?.status === 'COMPLETED') return performance.now() - endedAt
    await pause(20)
  }
  return null
}

/** Returns the topics of all tasks that a response named; some of them were never followed. */
function startedTopics({ entries }: Recorder): readonly string[] {
  return entries.flatMap((entry) => (entry.is === 'mutated' && entry.id !== undefined ? [`task:${entry.id}`] : []))
}

/** Returns the topics of all tasks that were stored since, also of those that no response named. */
async function storedTopics({ postgres }: Environment, since: Date): Promise<readonly string[]> {
  const rows = await postgres.query<{ id: string }>(
    'select id from tidings.task where created_at >= $1 union select id from rig.task where created_at >= $1',
    [since],
  )
  return rows.map(({ id }) => `task:${id}`)
}

/**
 * Waits until every topic is closed, those of all stored tasks included, and every subscription has
 * ended. Gives up when nothing has happened for too long.
 */
async function untilOver({ postgres }: Environment, { topics }: Load, recorder: Recorder, since: Date): Promise<void> {
  let state = ''
  let changedAt = performance.now()
  while (performance.now() - changedAt < longestEndMs) {
    const [row] = await postgres.query<{ open: string; events: string }>(
      `select count(*) as open, coalesce(sum(seq), 0) as events from tidings.topic
       where not closed and (name = any($1) or name in (select 'task:' || id from tidings.task where created_at >= $2))`,
      [[...topics], since],
    )
    if (Number(row?.open) === 0 && recorder.open === 0) return
    const now = `${row?.open} ${row?.events} ${recorder.entries.length}`
    if (now !== state) changedAt = performance.now()
    state = now
    await pause(200)
  }
}
