import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { startHaproxy } from '../support/haproxy.ts'
import type { FaultsRequest } from './arguments.ts'
import { failoverFaults, losingFaults } from './kinds/failover.ts'
import type { Fault } from './kinds/fault.ts'
import { combineBySeed, createShortForm, faultsOf } from './kinds/table.ts'
import { createProof, insertSummary, mergeProofs, type Proof, renderProof } from './proof.ts'
import { type Environment, startEnvironment } from './rig/environment.ts'
import { type RigPostgres, startPairPostgres, startPatroniPostgres } from './rig/postgres.ts'
import { createRandom } from './rig/random.ts'
import { type Loss, quantile, type Told } from './rig/recovery.ts'
import { type RunResult, runFault } from './rig/run-fault.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const proofJson = join(root, 'docs/proof.json')
const proofDocument = join(root, 'docs/proof.md')
const readme = join(root, 'README.md')
const upgradeName = 'rolling upgrade from an older version, and back'
const run = promisify(execFile)

/** Runs the requested faults one after the other. @returns whether all were caused, and no rule was violated */
export async function runCampaign(request: FaultsRequest): Promise<boolean> {
  const { seed, minutes, keepsHistories, rate, fanOut, output, isUpdate } = request
  const earlier =
    output === undefined || !isUpdate ? undefined : (JSON.parse(await readFile(resolve(output), 'utf8')) as Proof)
  await using stack = new AsyncDisposableStack()
  const directory = resolve(request.directory ?? (await mkdtemp(join(tmpdir(), 'tidings-faults-'))))
  await mkdir(directory, { recursive: true })
  // Remains when it contains a history.
  stack.defer(() => rmdir(directory).catch(() => undefined))
  // The short form has no rolling upgrade.
  const previous = request.isShort ? undefined : await placePrevious(request.previous, stack)
  const startedAt = new Date()
  const results: RunResult[] = []
  const notCaused: RunResult[] = []
  const origin = await describeOrigin()
  print(`seed ${seed}; histories of runs with violations are kept in ${directory}`)
  if (previous === undefined && !request.isShort)
    print(`skipping "${upgradeName}": git has no revision ${request.previous ?? 'with the same migrations'}`)
  const size = {
    servers: request.servers,
    workers: request.workers,
    redis: request.redis,
    ...(request.proxy === 'haproxy' ? { startProxy: startHaproxy } : {}),
    ...startPostgresOf(request),
  }
  let environment: Environment = await startEnvironment(size)
  stack.defer(() => environment[Symbol.asyncDispose]())
  // Its processes would outlive this one.
  let ending: Promise<void> | undefined
  const end = async (): Promise<void> => {
    await stack.disposeAsync()
    process.exit(130)
  }
  // Not once: a terminal and `timeout` signal the whole group, and the parent forwards the same signal.
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.on(name, () => {
      ending ??= end()
    })

  let index = -1
  for (const fault of plan(request)) {
    index++
    if (fault.name === upgradeName && previous === undefined) continue
    if (minutes !== undefined && Date.now() - startedAt.getTime() > minutes * 60_000) break
    const options = {
      environment,
      fault,
      seed: seed + index,
      rate,
      fanOut,
      subscribers: request.subscribers,
      directory,
      keepsHistory: keepsHistories,
      ...(previous === undefined ? {} : { previous }),
    }
    const result = await runFault(options).catch(async (error: unknown) => {
      // The run fails because its environment is being ended, which must not be cut short.
      await ending
      throw error
    })
    print(describeRun(result))
    // A fault that was not caused proves nothing.
    if (result.failure === undefined || result.violations.length > 0) results.push(result)
    if (result.failure !== undefined) notCaused.push(result)
    // After each run: the next one may fail, or be interrupted.
    if (output !== undefined) {
      const proof = createProof(results, { ...origin, seed, startedAt: startedAt.toISOString() })
      await writeProof(earlier === undefined ? proof : mergeProofs(earlier, proof), resolve(output))
    }
    if (result.violations.length > 0) {
      print(repeatCommand(fault, seed + index, request))
      // What is broken must not affect the next run.
      await environment[Symbol.asyncDispose]()
      environment = await startEnvironment(size)
    }
  }

  const deliveries = results.reduce((sum, result) => sum + result.deliveries, 0)
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0)
  print(
    `${results.length} runs, ${deliveries} deliveries checked, ${violations} violations, ${notCaused.length} faults not caused`,
  )
  return violations === 0 && notCaused.length === 0 && deliveries > 0
}

/**
 * Returns the faults to run: each `runs` times in the order of the table, or, when the time is limited, again and again in an order
 * of the seed, so that a run of any length reaches all parts alike. The run with a number has the seed plus that number.
 */
function* plan({ names, seed, isCombined, isShort, minutes, runs, redis }: FaultsRequest): Generator<Fault> {
  if (isShort) return yield createShortForm(redis)
  const single = [...faultsOf[redis], ...failoverFaults, ...losingFaults].filter(({ name }) => names.includes(name))
  if (minutes === undefined) {
    for (let run = 0; run < runs; run++) yield* single.length === 0 ? [combineBySeed(seed + run, redis)] : single
    return
  }
  const random = createRandom(seed)
  let count = 0
  for (;;) {
    for (const fault of random.shuffle(single)) {
      yield fault
      count++
      if (isCombined && random.next() < 0.25) yield combineBySeed(seed + count++, redis)
    }
    if (single.length === 0) yield combineBySeed(seed + count++, redis)
  }
}

/** Returns what replaces the embedded PostgreSQL. */
function startPostgresOf({ database }: FaultsRequest): { readonly startPostgres?: () => Promise<RigPostgres> } {
  if (database === 'embedded') return {}
  if (database === 'pair') return { startPostgres: startPairPostgres }
  return { startPostgres: () => startPatroniPostgres(database === 'patroni-haproxy') }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function describeRun(result: RunResult): string {
  const { fault, parts, deliveries, violations, recovery, durationMs, tasks, reported, failure } = result
  const { mostOpen, distrustedMs, resets, loss } = result
  const { deliveryMs, readyMs, taskMs } = recovery
  const delivery = [0.5, 0.99, 1].map((share) => Math.round(quantile(deliveryMs, share))).join(' / ')
  const shown = violations
    .slice(0, 12)
    .map(({ rule, subject, detail }) => `    ${rule}: ${subject}: ${detail.slice(0, 300)}`)
  return [
    `${violations.length === 0 ? 'ok  ' : 'FAIL'} ${fault}`,
    ...(parts === undefined ? [] : [`     ${parts.join('; ')}`]),
    ...(failure === undefined ? [] : [`    the fault could not be caused, so this run does not count: ${failure}`]),
    `     ${Math.round(durationMs / 1_000)} s, ${tasks} tasks, ${deliveries} deliveries to at most ${mostOpen} subscribers at ` +
      `once, ${reported} reported gaps; recovery: deliveries ${delivery} ms, ready ${Math.round(readyMs)} ms, ` +
      `new task ${Math.round(taskMs)} ms; bus trusted again ${Math.round(distrustedMs)} ms after the begin of the fault`,
    ...(resets === undefined ? [] : [describeResets(resets)]),
    ...(loss === undefined ? [] : [describeLoss(loss)]),
    ...shown,
    ...(violations.length > shown.length ? [`    and ${violations.length - shown.length} more`] : []),
  ].join('\n')
}

function describeResets({ outageMs, resumedMs, subscribers }: NonNullable<RunResult['resets']>): string {
  const resumed = [0.5, 0.99, 1].map((share) => Math.round(quantile(resumedMs, share))).join(' / ')
  return `     ${subscribers} subscribers; a primary after ${Math.round(outageMs)} ms, ${resumedMs.length} of them reset ${resumed} ms later`
}

function describeLoss({ behindMs, events, topics, open, saw, lastMs }: Loss): string {
  const describe = ({ subscriptions, reset, missing, subscribed }: Told): string =>
    `${subscriptions} (${reset} RESET, ${missing} NOT_FOUND, ${subscribed} as new)`
  return (
    `     ${(behindMs / 1_000).toFixed(1)} s behind: ${events} events of ${topics} topics lost; subscriptions that had seen ` +
    `some: ${describe(saw)}; all: ${describe(open)}; the last was told after ${Math.round(lastMs)} ms`
  )
}

function repeatCommand(
  fault: Fault,
  seed: number,
  { redis, database, rate, fanOut, subscribers, isShort }: FaultsRequest,
): string {
  const which = isShort ? '--short' : fault.parts === undefined ? `--fault '${fault.name}'` : '--combined'
  const on = `--redis ${redis} --database ${database}`
  return `    again: npm run faults -- ${which} ${on} --seed ${seed} --rate ${rate} --fan-out ${fanOut} --subscribers ${subscribers}`
}

/** Extracts an older version of the sources. @returns undefined when git does not have it */
async function placePrevious(revision: string | undefined, stack: AsyncDisposableStack): Promise<URL | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'tidings-previous-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const archive = join(directory, 'sources.tar')
  try {
    const found = revision ?? (await findPrevious())
    await run('git', ['archive', '--output', archive, found], { cwd: root })
    await run('tar', ['-xf', archive, '-C', directory])
  } catch {
    return undefined
  }
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
  return pathToFileURL(`${directory}/`)
}

/**
 * Returns the oldest of the last revisions with the same migrations: one with fewer refuses to start on the present database. It
 * uses the present packages.
 */
async function findPrevious(): Promise<string> {
  const folders = ['src/db/migrations', 'src/studio/migrations']
  const { stdout } = await run('git', ['rev-list', '-n', '60', '--skip', '1', 'HEAD', '--', 'src'], { cwd: root })
  for (const revision of stdout.trim().split('\n').reverse()) {
    const isUnchanged = await run('git', ['diff', '--quiet', revision, 'HEAD', '--', ...folders], {
      cwd: root,
    }).then(
      () => true,
      () => false,
    )
    if (isUnchanged) return revision
  }
  throw new Error('There is no revision with the same migrations')
}

async function describeOrigin(): Promise<{ readonly commit: string; readonly machine: string }> {
  const commit = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown',
  )
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model ?? 'processor'}, ${Math.round(totalmem() / 1_024 ** 3)} GB, Node ${process.versions.node}`
  // Its own result does not count as a change.
  const own = [':!docs/proof.json', ':!docs/proof.md', ':!README.md']
  const isDirty = await run('git', ['diff', '--quiet', 'HEAD', '--', '.', ...own], { cwd: root }).then(
    () => false,
    () => true,
  )
  return { commit: isDirty ? `${commit} with changes` : commit, machine }
}

async function writeProof(proof: Proof, file: string): Promise<void> {
  await writeFile(file, `${JSON.stringify(proof, undefined, 2)}\n`)
  if (file !== proofJson) return
  await writeFile(proofDocument, renderProof(proof))
  await writeFile(readme, insertSummary(await readFile(readme, 'utf8'), proof))
}
