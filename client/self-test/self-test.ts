import type { TidingsClientOptions } from '../index.ts'
import { createBench } from './bench.ts'
import { checks, type Finding, type SelfTestLimits } from './checks.ts'

/** The finding of one check and its duration. */
export interface CheckResult extends Finding {
  readonly name: string
  readonly shows: string
  readonly tookMs: number
}

/** The results of a self-test. */
export interface SelfTestReport {
  readonly url: string
  readonly passed: boolean
  readonly checks: readonly CheckResult[]
}

/** Options of a self-test. */
export interface SelfTestOptions extends Partial<SelfTestLimits> {
  readonly client: Pick<TidingsClientOptions, 'url' | 'token' | 'transports'>
  /** Called after each check. */
  readonly onCheck?: (result: CheckResult) => void
  /** Runs only these checks, by name. @default all */
  readonly only?: readonly string[]
  /** Longest duration of one check in milliseconds; a longer one fails. @default 60000 */
  readonly checkTimeoutMs?: number
}

/** The documented defaults. */
export const defaultLimits: SelfTestLimits = {
  maxLatencyMs: 500,
  minEventsPerSecond: 50,
  stabilityMs: 8_000,
  connections: 25,
  serverCountsMs: 15_000,
}

/**
 * Measures a running deployment from the outside: each transport, latency, update frequency,
 * ordering, racing updates, recovery from errors, reconnection, leaks in the client and in the
 * servers, stability, many connections. Each check uses clients and temporary tasks of its own;
 * about 20 tasks in all. A check also fails when an event was received twice or out of order,
 * although the client repairs that. The server must have been started with `SELF_TEST=true`; the
 * check for leaks in the servers needs a token with the role `admin`.
 */
export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestReport> {
  const { client, onCheck, only, checkTimeoutMs = 60_000 } = options
  const limits: SelfTestLimits = { ...defaultLimits, ...definedOf(options) }
  const results: CheckResult[] = []
  for (const check of checks) {
    if (only !== undefined && !only.includes(check.name)) continue
    if (check.transport !== undefined && client.transports?.includes(check.transport) === false) continue
    const startedAt = performance.now()
    await using bench = createBench(client)
    const finding = withFaults(await withTimeout(check.run(bench, limits), checkTimeoutMs), bench.faults)
    const result = { name: check.name, shows: check.shows, ...finding, tookMs: performance.now() - startedAt }
    results.push(result)
    onCheck?.(result)
  }
  return { url: client.url, passed: results.every(({ passed }) => passed), checks: results }
}

/**
 * Fails a finding with faults: the client repairs duplicate and reordered events, but the
 * deployment caused them.
 */
function withFaults({ passed, figures }: Finding, faults: readonly string[]): Finding {
  if (faults.length === 0) return { passed, figures }
  const [first] = faults
  return {
    passed: false,
    figures: `${figures}; NOT once and in order over the wire: ${faults.length} times, first ${first}`,
  }
}

/**
 * Converts an error or a timeout of a check into a failed finding, so that the self-test continues.
 */
async function withTimeout(run: Promise<Finding>, timeoutMs: number): Promise<Finding> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(
      () => resolve({ passed: false, figures: `not done after ${Math.round(timeoutMs / 1_000)} s` }),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([run, late])
  } catch (error) {
    return { passed: false, figures: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
  }
}

function definedOf({
  maxLatencyMs,
  minEventsPerSecond,
  stabilityMs,
  connections,
  serverCountsMs,
}: SelfTestOptions): Partial<SelfTestLimits> {
  return {
    ...(maxLatencyMs === undefined ? {} : { maxLatencyMs }),
    ...(minEventsPerSecond === undefined ? {} : { minEventsPerSecond }),
    ...(stabilityMs === undefined ? {} : { stabilityMs }),
    ...(connections === undefined ? {} : { connections }),
    ...(serverCountsMs === undefined ? {} : { serverCountsMs }),
  }
}
