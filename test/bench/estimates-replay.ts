import { percentOfStages } from '../../src/tasks/model/progress.ts'
import { type CompletedTask, createDurations, type Durations, type Workload } from '../../src/tasks/queue/durations.ts'
import { estimateRemainingMs } from '../../src/tasks/queue/estimate.ts'
import { forecast } from '../../src/tasks/queue/forecast.ts'

/**
 * Progress reported by a task: milliseconds since its start, stage, percent of the stage, number of
 * items, percent of the task.
 */
export type RecordedEvent = readonly [
  ms: number,
  stage: string | null,
  stagePercent: number,
  items: number,
  percent: number,
]

/** A completed task of a recorded run; `items` are those declared when it was queued. */
export interface RecordedTask extends Workload {
  readonly createdMs: number
  readonly startedMs: number
  readonly finishedMs: number
  readonly stageMs: Readonly<Record<string, number>> | null
  readonly events: readonly RecordedEvent[]
}

/** All tasks of one kind, in queue order. */
export interface RecordedRun {
  readonly name: string
  readonly kind: string
  readonly slots: number
  /** The declared weights of the stages; null for a kind without stages. */
  readonly stages: Readonly<Record<string, number>> | null
  readonly tasks: readonly RecordedTask[]
}

/** An estimate and the actual time, both in milliseconds. */
export interface Estimated {
  readonly estimatedMs: number
  readonly actualMs: number
}

/** The estimates of a run. */
export interface Replay {
  /** The wait of each waiting task, whenever another one started. */
  readonly wait: readonly Estimated[]
  /** The remaining time when a quarter, half and three quarters of the actual time had passed. */
  readonly remaining: Readonly<Record<RemainingAt, readonly Estimated[]>>
  /** The largest difference of each task between its percent and the share of its time, in points. */
  readonly percentOff: readonly number[]
}

/** The share of the actual time at which the remaining time is estimated, in percent. */
export type RemainingAt = 25 | 50 | 75

/** Estimates of less than this are not counted: a page shows seconds. */
const leastMs = 100

/**
 * Replays a recorded run: at each moment, estimates what the engine would have estimated from the
 * tasks completed until then, and compares it with what happened.
 */
export function replay(run: RecordedRun): Replay {
  const { tasks, slots, stages } = run
  const wait: Estimated[] = []
  const remaining = { 25: [] as Estimated[], 50: [] as Estimated[], 75: [] as Estimated[] }
  const percentOff: number[] = []
  const note = (into: Estimated[], estimate: Estimated): void => {
    if (estimate.actualMs >= leastMs) into.push(estimate)
  }
  /** The percent that the engine shows: derived from the stages, or reported. */
  const percentOf = (task: RecordedTask, durations: Durations, event: RecordedEvent): number => {
    const [, stage, stagePercent, , reported] = event
    if (stages === null || stage === null) return reported
    return percentOfStages(durations.stages(task, stages), stage, stagePercent) ?? reported
  }
  const starts = [...tasks].sort((a, b) => a.startedMs - b.startedMs)
  for (const task of starts) {
    const before = completedAt(tasks, task.startedMs)
    // The weights of the stages are fixed when the task starts.
    const durations = createDurations(before)
    const tookMs = task.finishedMs - task.startedMs
    let off = 0
    for (const event of task.events)
      off = Math.max(off, Math.abs(percentOf(task, durations, event) - (100 * event[0]) / tookMs))
    if (before.length > 0 && tookMs >= leastMs) percentOff.push(off)
    for (const at of [25, 50, 75] as const) {
      const event = task.events.findLast(([ms]) => ms <= (tookMs * at) / 100)
      if (event === undefined) continue
      const [ms, , , items] = event
      const estimatedMs = estimateRemainingMs(
        { percent: percentOf(task, durations, event) },
        createDurations(completedAt(tasks, task.startedMs + ms)).expect({ ...task, items }),
        ms,
        { atMs: 0, percent: 0 },
      )
      // Pages count down from the last event.
      const sinceMs = (tookMs * at) / 100 - ms
      if (estimatedMs !== null)
        note(remaining[at], {
          estimatedMs: Math.max(0, estimatedMs - sinceMs),
          actualMs: (tookMs * (100 - at)) / 100,
        })
    }
    const nowMs = task.startedMs
    const line = {
      recent: [],
      waiting: tasks.flatMap((other, index) =>
        other.createdMs <= nowMs && other.startedMs > nowMs
          ? [{ id: String(index), owner: '', key: '', expectedMs: durations.expect(other)?.ms ?? Number.NaN }]
          : [],
      ),
      running: tasks.flatMap((other) => {
        if (other.startedMs > nowMs || other.finishedMs <= nowMs) return []
        const elapsedMs = nowMs - other.startedMs
        const event = other.events.findLast(([ms]) => ms <= elapsedMs) ?? [0, null, 0, other.items, 0]
        const percent = percentOf(other, durations, event)
        const expected = durations.expect({ ...other, items: event[3] })
        const remainingMs = estimateRemainingMs({ percent }, expected, elapsedMs, { atMs: 0, percent: 0 })
        return [{ owner: '', remainingMs: remainingMs ?? Number.NaN }]
      }),
    }
    if (before.length === 0) continue
    for (const [index, { waitMs }] of forecast(line, { slots, perUser: null }))
      note(wait, { estimatedMs: waitMs, actualMs: (tasks[Number(index)]?.startedMs ?? Number.NaN) - nowMs })
  }
  return { wait, remaining, percentOff }
}

/** Returns the tasks completed before a moment, the most recent first. */
function completedAt(tasks: readonly RecordedTask[], nowMs: number): readonly CompletedTask[] {
  return tasks
    .filter(({ finishedMs }) => finishedMs <= nowMs)
    .sort((a, b) => b.finishedMs - a.finishedMs)
    .map(({ variant, size, items, events, startedMs, finishedMs, stageMs }) => ({
      variant,
      size,
      items: events.at(-1)?.[3] ?? items,
      ms: finishedMs - startedMs,
      stageMs,
    }))
}

/** The relative errors of some estimates. */
export interface Errors {
  readonly count: number
  /** Median of |estimated − actual| / actual. */
  readonly median: number
  readonly p90: number
  /** Sum of the estimates divided by the sum of the actual times, less 1. */
  readonly bias: number
}

/** Computes the relative errors of estimates. */
export function errorsOf(estimates: readonly Estimated[]): Errors {
  const relative = estimates
    .map(({ estimatedMs, actualMs }) => Math.abs(estimatedMs - actualMs) / actualMs)
    .sort((a, b) => a - b)
  const at = (share: number): number =>
    relative[Math.min(relative.length - 1, Math.floor(relative.length * share))] ?? 0
  const sum = (of: keyof Estimated): number => estimates.reduce((total, estimate) => total + estimate[of], 0)
  return {
    count: estimates.length,
    median: at(0.5),
    p90: at(0.9),
    bias: estimates.length === 0 ? 0 : sum('estimatedMs') / sum('actualMs') - 1,
  }
}
