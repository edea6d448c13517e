import type { QueuePlace } from '../src/tasks/place.ts'
import {
  emptyProgress,
  type FailureState,
  type ProblemState,
  type ProgressState,
  type TaskItem,
} from '../src/tasks/task.ts'
import { builder } from './builder.ts'

/** What `Progress` is resolved from: the state, and the moment for which it is told. */
export interface ProgressSource {
  readonly state: ProgressState
  readonly atMs: number
  /** When the state was written: the remaining time is counted from there; null when nothing remains, as it is over. */
  readonly writtenAtMs: number | null
}

/** The progress that an event carries; an event that carries none, or something else, has not begun. */
export function progressOf(value: unknown): ProgressState {
  return typeof value === 'object' && value !== null
    ? { ...emptyProgress, ...(value as Partial<ProgressState>) }
    : emptyProgress
}

/** `Progress` */
export const progress = builder.objectRef<ProgressSource>('Progress').implement({
  description: 'How far a task is.',
  fields: (t) => ({
    percent: t.float({
      description: '0 to 100; never falls within an attempt.',
      resolve: ({ state }) => state.percent,
    }),
    stage: t.string({
      nullable: true,
      description: 'The phase it is in, such as `generating`; null before the first.',
      resolve: ({ state }) => state.stage,
    }),
    stagePercent: t.float({
      nullable: true,
      description: '0 to 100 within the stage; null before the first.',
      resolve: ({ state }) => state.stagePercent,
    }),
    message: t.string({
      nullable: true,
      description: 'In words, for the person who waits.',
      resolve: ({ state }) => state.message,
    }),
    completedItems: t.int({ description: 'Items that are done.', resolve: ({ state }) => state.completedItems }),
    failedItems: t.int({ description: 'Items that failed for good.', resolve: ({ state }) => state.failedItems }),
    totalItems: t.int({ description: 'All items; 0 for a task without.', resolve: ({ state }) => state.totalItems }),
    elapsedMs: t.int({
      description: 'Since the first attempt started, in milliseconds; 0 before.',
      resolve: ({ state, atMs }) => (state.startedAt === null ? 0 : clampInt(atMs - Date.parse(state.startedAt))),
    }),
    remainingMs: t.int({
      nullable: true,
      description: 'Estimated from tasks of the same kind; null while there is nothing to estimate from.',
      resolve: ({ state, atMs, writtenAtMs }) =>
        state.remainingMs === null || writtenAtMs === null
          ? null
          : clampInt(state.remainingMs - Math.max(0, atMs - writtenAtMs)),
    }),
  }),
})

/** GraphQL's Int ends at 2³¹ − 1: 24 days in milliseconds. */
function clampInt(value: number): number {
  return Math.min(2_147_483_647, Math.max(0, Math.round(value)))
}

/** `QueuePosition` */
export const queuePosition = builder.objectRef<QueuePlace>('QueuePosition').implement({
  description: 'Where a task waits, among those of its kind.',
  fields: (t) => ({
    position: t.exposeInt('position', { description: '1 is next.' }),
    waiting: t.exposeInt('waiting', { description: 'How many wait.' }),
    estimatedWaitMs: t.int({
      nullable: true,
      description: 'In milliseconds; null while there is nothing to estimate from.',
      resolve: ({ estimatedWaitMs }) => (estimatedWaitMs === null ? null : clampInt(estimatedWaitMs)),
    }),
  }),
})

const taskProblem = builder.objectRef<ProblemState>('TaskProblem').implement({
  description: 'What is wrong at a place of what the user gave.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'The file, or what else it is about; empty for the whole.' }),
    line: t.exposeInt('line', {
      nullable: true,
      description: '1 for the first; null when it is about the file as a whole.',
    }),
    column: t.exposeInt('column', { nullable: true, description: '1 for the first character of the line.' }),
    message: t.exposeString('message', { description: 'What is wrong.' }),
  }),
})

/** `TaskError` */
export const taskError = builder.objectRef<FailureState>('TaskError').implement({
  description: 'Why a task or item failed, and what can be done.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'Stable, in capitals: UNSUPPORTED_FORMAT, PROVIDER_UNAVAILABLE …' }),
    message: t.exposeString('message', { description: 'What went wrong, in a sentence.' }),
    retryable: t.exposeBoolean('retryable', { description: 'The system tries again by itself when true.' }),
    advice: t.exposeString('advice', { nullable: true, description: 'What the user can do, in a sentence.' }),
    problems: t.field({
      type: [taskProblem],
      description: 'Everything that is wrong with what the user gave, where that is the reason; else empty.',
      resolve: ({ problems }) => [...(problems ?? [])],
    }),
  }),
})

const itemStatus = builder.enumType('ItemStatus', {
  description: 'The state of one part of a task.',
  values: {
    PENDING: { description: 'Not begun.' },
    RUNNING: { description: 'Being worked on.' },
    COMPLETED: { description: 'Done.' },
    FAILED: { description: 'Failed for good; the others go on.' },
    SKIPPED: { description: 'Was not necessary.' },
  } as const,
})

/** `TaskItem` */
export const taskItem = builder.objectRef<TaskItem>('TaskItem').implement({
  description: 'A part of a task that has a state of its own.',
  fields: (t) => ({
    key: t.exposeString('key', {
      description:
        'Unique within its task; for content of a concept, the concept’s id and the piece: `concept_…:QUIZ`.',
    }),
    label: t.exposeString('label', { description: 'What to call it on a page.' }),
    status: t.field({ type: itemStatus, description: 'What has become of it.', resolve: (item) => item.status }),
    percent: t.exposeFloat('percent', { description: '0 to 100; 100 also when it failed or was skipped.' }),
    error: t.field({
      type: taskError,
      nullable: true,
      description: 'Why it failed; null otherwise.',
      // Written by the journal as a FailureState.
      resolve: ({ error }) => error as FailureState | null,
    }),
  }),
})
