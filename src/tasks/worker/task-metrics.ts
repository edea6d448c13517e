import { Histogram, type Metric } from 'prom-client'
import type { AttemptResult } from './runner.ts'

/**
 * Measurements of the tasks a worker runs: taken once per attempt, so that metrics add no cost per
 * event.
 */
export interface TaskMetrics {
  /** Records the first claim of a task and its time in the queue. */
  waited(kind: string, ms: number): void
  /** Records the start of an attempt. */
  began(kind: string): void
  /** Records the end of an attempt and its duration. */
  ended(kind: string, outcome: AttemptResult, ms: number): void
  /** Running attempts by kind; a kind that never ran is absent. */
  readonly running: ReadonlyMap<string, number>
  /** The metrics to expose. */
  readonly metrics: readonly Metric[]
}

/** In seconds, from 50 ms to one hour: the range of task waits and durations. */
const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600]

/**
 * Creates the measurements of one worker. The labels are kinds and outcomes, so their number is
 * fixed by the code.
 */
export function createTaskMetrics(): TaskMetrics {
  const running = new Map<string, number>()
  const add = (kind: string, by: number): void => void running.set(kind, (running.get(kind) ?? 0) + by)
  // Not registered globally: several engines may run in one process.
  const waits = new Histogram({
    name: 'tidings_task_wait_seconds',
    help: 'Waiting time of tasks in the queue before their first attempt, by kind.',
    labelNames: ['kind'],
    buckets,
    registers: [],
  })
  const durations = new Histogram({
    name: 'tidings_attempt_seconds',
    help: 'Duration of attempts, by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    buckets,
    registers: [],
  })
  return {
    waited: (kind, ms) => waits.observe({ kind }, Math.max(0, ms) / 1_000),
    began: (kind) => add(kind, 1),
    ended(kind, outcome, ms) {
      add(kind, -1)
      durations.observe({ kind, outcome }, ms / 1_000)
    },
    running,
    metrics: [waits, durations] as readonly Metric[],
  }
}
