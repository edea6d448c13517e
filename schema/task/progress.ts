import {
  emptyProgress,
  type FailureState,
  type ProblemState,
  type ProgressState,
  type TaskItem,
} from '../../src/tasks/model/task.ts'
import type { QueuePosition } from '../../src/tasks/queue/positions.ts'
import type { Kit } from '../kit/kit.ts'

/** The source of `Progress`: the state and the time it refers to. */
export interface ProgressSource {
  readonly state: ProgressState
  readonly atMs: number
  /**
   * The time at which the state was written; the remaining time is counted from there. Null when
   * the task is over and no time remains.
   */
  readonly writtenAtMs: number | null
}

/**
 * Reads the progress that an event carries; without valid progress, returns that of a task that has
 * not started.
 */
export function progressOf(value: unknown): ProgressState {
  return typeof value === 'object' && value !== null
    ? { ...emptyProgress, ...(value as Partial<ProgressState>) }
    : emptyProgress
}

/** The maximum of GraphQL's Int is 2³¹ − 1: 24 days in milliseconds. */
function clampInt(value: number): number {
  return Math.min(2_147_483_647, Math.max(0, Math.round(value)))
}

/** Adds the progress, the items and the failures of tasks. */
export function addProgress({ builder }: Kit) {
  /** `Progress` */
  const progress = builder.objectRef<ProgressSource>('Progress').implement({
    description: 'The progress of a task.',
    fields: (t) => ({
      percent: t.float({
        description: '0 to 100; never decreases within an attempt.',
        resolve: ({ state }) => state.percent,
      }),
      stage: t.string({
        nullable: true,
        description: 'The current stage, such as `generating`; null before the first.',
        resolve: ({ state }) => state.stage,
      }),
      stagePercent: t.float({
        nullable: true,
        description: '0 to 100 within the stage; null before the first.',
        resolve: ({ state }) => state.stagePercent,
      }),
      message: t.string({
        nullable: true,
        description: 'The current step in words, for the user.',
        resolve: ({ state }) => state.message,
      }),
      completedItems: t.int({
        description: 'The number of completed items.',
        resolve: ({ state }) => state.completedItems,
      }),
      failedItems: t.int({
        description: 'The number of items that failed permanently.',
        resolve: ({ state }) => state.failedItems,
      }),
      totalItems: t.int({
        description: 'The number of all items; 0 for a task without items.',
        resolve: ({ state }) => state.totalItems,
      }),
      elapsedMs: t.int({
        description: 'Milliseconds since the first attempt started; 0 before.',
        resolve: ({ state, atMs }) => (state.startedAt === null ? 0 : clampInt(atMs - Date.parse(state.startedAt))),
      }),
      remainingMs: t.int({
        nullable: true,
        description: 'Milliseconds, estimated from earlier tasks of the same kind; null without an estimate.',
        resolve: ({ state, atMs, writtenAtMs }) =>
          state.remainingMs === null || writtenAtMs === null
            ? null
            : clampInt(state.remainingMs - Math.max(0, atMs - writtenAtMs)),
      }),
    }),
  })

  /** `QueuePosition` */
  const queuePosition = builder.objectRef<QueuePosition>('QueuePosition').implement({
    description: 'The position of a task in the queue of its kind.',
    fields: (t) => ({
      position: t.exposeInt('position', { description: '1 is next.' }),
      waiting: t.exposeInt('waiting', { description: 'The number of waiting tasks.' }),
      estimatedWaitMs: t.int({
        nullable: true,
        description: 'Milliseconds; null without an estimate.',
        resolve: ({ estimatedWaitMs }) => (estimatedWaitMs === null ? null : clampInt(estimatedWaitMs)),
      }),
    }),
  })

  const taskProblem = builder.objectRef<ProblemState>('TaskProblem').implement({
    description: 'A problem of a user’s file.',
    fields: (t) => ({
      path: t.exposeString('path', { description: 'The path of the file; empty for a problem of all files.' }),
      line: t.exposeInt('line', {
        nullable: true,
        description: '1 for the first; null for a problem of the whole file.',
      }),
      column: t.exposeInt('column', { nullable: true, description: '1 for the first character of the line.' }),
      message: t.exposeString('message', { description: 'The problem.' }),
    }),
  })

  /** `TaskError` */
  const taskError = builder.objectRef<FailureState>('TaskError').implement({
    description: 'Why a task or item failed, and the possible remedy.',
    fields: (t) => ({
      code: t.exposeString('code', { description: 'Stable, in capitals: UNSUPPORTED_FORMAT, PROVIDER_UNAVAILABLE …' }),
      message: t.exposeString('message', { description: 'The cause in a sentence.' }),
      retryable: t.exposeBoolean('retryable', { description: 'Whether the system retries automatically.' }),
      advice: t.exposeString('advice', {
        nullable: true,
        description: 'A sentence about the possible remedy, for the user.',
      }),
      problems: t.field({
        type: [taskProblem],
        description: 'All problems of the user’s files, when they are the cause; otherwise empty.',
        resolve: ({ problems }) => [...(problems ?? [])],
      }),
    }),
  })

  /** `ItemStatus` */
  const itemStatus = builder.enumType('ItemStatus', {
    description: 'The status of an item of a task.',
    values: {
      PENDING: { description: 'Not started.' },
      RUNNING: { description: 'In progress.' },
      COMPLETED: { description: 'Completed.' },
      FAILED: { description: 'Failed permanently; the task continues with the other items.' },
      SKIPPED: { description: 'Not necessary.' },
    } as const,
  })

  /** `TaskItem` */
  const taskItem = builder.objectRef<TaskItem>('TaskItem').implement({
    description: 'A part of a task with its own state.',
    fields: (t) => ({
      key: t.exposeString('key', {
        description: 'Unique within its task.',
      }),
      label: t.exposeString('label', { description: 'The name of the item, for display.' }),
      status: t.field({ type: itemStatus, description: 'The status of the item.', resolve: (item) => item.status }),
      percent: t.exposeFloat('percent', { description: '0 to 100; 100 also for a failed or skipped item.' }),
      error: t.field({
        type: taskError,
        nullable: true,
        description: 'The cause of the failure; null otherwise.',
        // Written by the journal as a FailureState.
        resolve: ({ error }) => error as FailureState | null,
      }),
    }),
  })

  return { progress, queuePosition, taskError, itemStatus, taskItem }
}

/** The types that {@link addProgress} adds. */
export type ProgressTypes = ReturnType<typeof addProgress>
