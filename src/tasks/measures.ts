import { Histogram, type Metric } from 'prom-client'
import type { Outcome } from './runner.ts'

/** What a worker measures of the tasks it runs: once for each attempt, so that metrics cost events nothing. */
export interface TaskMeasures {
  /** A task was taken for the first time, so long after it was put in line. */
  waited(kind: string, ms: number): void
  /** An attempt begins. */
  began(kind: string): void
  /** An attempt ended after so long. */
  ended(kind: string, outcome: Outcome, ms: number): void
  /** Attempts under way, by kind; a kind that was never run is absent. */
  readonly running: ReadonlyMap<string, number>
  /** For whoever shows them. */
  readonly metrics: readonly Metric[]
}

/** From a moment to an hour: what a task waits and takes. */
const buckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600]

/** Creates the measures of one worker. Their labels are kinds and outcomes, of which there are as many as the code has. */
export function createTaskMeasures(): TaskMeasures {
  const running = new Map<string, number>()
  const add = (kind: string, by: number): void => void running.set(kind, (running.get(kind) ?? 0) + by)
  // In no registry of their own: several engines may run in one process.
  const waits = new Histogram({
    name: 'tidings_task_wait_seconds',
    help: 'Time that tasks stood in line before their first attempt, by kind.',
    labelNames: ['kind'],
    buckets,
    registers: [],
  })
  const durations = new Histogram({
    name: 'tidings_attempt_seconds',
    help: 'How long attempts took, by kind and outcome.',
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
