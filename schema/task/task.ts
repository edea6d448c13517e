import { dependOn } from '../../src/live/execute/topic-field.ts'
import { formatCursor } from '../../src/log/cursor.ts'
import { itemPageSize } from '../../src/tasks/model/item-table.ts'
import type {
  AttemptEntry,
  AttemptOutcome,
  ItemStatus,
  Task,
  TaskItem,
  TaskStatus,
} from '../../src/tasks/model/task.ts'
import { isFinal, taskTopic } from '../../src/tasks/model/task.ts'
import { isLimited, type Viewer } from '../../src/tasks/model/viewer.ts'
import { findVisibleTask } from '../kit/access.ts'
import { requireLimitedViewer } from '../kit/builder.ts'
import { mapPage, pageSize, readPage } from '../kit/connection.ts'
import type { Context } from '../kit/context.ts'
import { refuseAsMissing } from '../kit/failure.ts'
import type { Kit } from '../kit/kit.ts'
import { leadOut } from '../kit/scoped-token-fields.ts'
import { type TaskSource, taskSource } from '../kit/task-ref.ts'
import type { ProgressSource, ProgressTypes } from './progress.ts'
import { itemsOfTask } from './selected-items.ts'
import { rememberedTask } from './subject-task.ts'
import { type TaskKinds, unknownKind } from './task-kind.ts'

/** Returns the current progress of a task. */
export function progressOfTask(task: Task): ProgressSource {
  const atMs = (task.finishedAt ?? new Date()).getTime()
  return { state: task.progress, atMs, writtenAtMs: isFinal(task.status) ? null : atMs }
}

/** Returns a task that the viewer may see. @throws TidingsError `NOT_FOUND` */
export async function loadTask(context: Context, id: string): Promise<Task> {
  return (await findVisibleTask(context, id)) ?? refuseAsMissing('task', id)
}

/**
 * Returns a page of items: of those that were read with the task if they suffice, so that it is as of the same moment.
 * @throws TidingsError `BAD_INPUT`
 */
function readItems(
  { task, items }: TaskSource,
  args: {
    readonly first?: number | null | undefined
    readonly afterKey?: string | null | undefined
    readonly status?: readonly ItemStatus[] | null | undefined
  },
  { loaders }: Pick<Context, 'loaders'>,
): readonly TaskItem[] | Promise<readonly TaskItem[]> {
  const first = pageSize(args.first, itemPageSize, itemPageSize)
  const { afterKey = null, status: statuses = null } = args
  const from = afterKey === null ? 0 : (items?.findIndex(({ key }) => key === afterKey) ?? -1) + 1
  const isKnown = afterKey === null || from > 0
  if (items !== undefined && isKnown && (items.length >= task.progress.totalItems || (from === 0 && statuses === null)))
    return items
      .slice(from)
      .filter(({ status }) => statuses?.includes(status) ?? true)
      .slice(0, first)
  return loaders.items.load({ taskId: task.id, first, afterKey, statuses })
}

/**
 * Returns the filter for the viewer's tasks that a scoped token is valid for, equivalent to
 * `isGoodFor` for a single task; undefined when the token is not scoped.
 */
function taskLimit(
  viewer: Viewer,
): { readonly ids: readonly string[]; readonly subjects: readonly string[] } | undefined {
  return isLimited(viewer) ? { ids: viewer.taskIds ?? [], subjects: viewer.sessionIds ?? [] } : undefined
}

/** Adds `Task`, and the queries that find tasks. */
export function addTask(
  { builder, taskRef, node, defineConnection, listArguments }: Kit,
  { itemStatus, progress, queuePosition, taskError, taskItem }: ProgressTypes,
  { taskKind, kindOf, knownKinds }: TaskKinds,
) {
  /** `TaskStatus` */
  const taskStatus = builder.enumType('TaskStatus', {
    description:
      'QUEUED → RUNNING → COMPLETED or FAILED, with RETRYING between attempts; CANCELED from any status that is not final.',
    values: {
      QUEUED: { description: 'Waiting in the queue.' },
      RUNNING: { description: 'In progress.' },
      RETRYING: { description: 'An attempt failed; the next one follows automatically.' },
      COMPLETED: { description: 'Completed. Final.' },
      FAILED: { description: 'Failed permanently. Final; it can be retried as a new task.' },
      CANCELED: { description: 'Canceled. Final; it can be retried as a new task.' },
    } as const,
  })

  const outputText = builder.objectRef<{ readonly stream: string; readonly text: string }>('TaskOutputText').implement({
    description: 'The text streamed to one stream of a task.',
    fields: (t) => ({
      stream: t.exposeString('stream', {
        description: 'The name of the stream.',
      }),
      text: t.exposeString('text', {
        description: 'The text since the start of the current attempt. The next TaskOutput continues at its end.',
      }),
    }),
  })

  const attemptOutcome = builder.enumType('AttemptOutcome', {
    description: 'How an execution of a task ended.',
    values: {
      COMPLETED: { description: 'The handler returned the result.' },
      FAILED: { description: 'The handler failed. `Task.maxAttempts` limits the number of failures.' },
      CANCELED: { description: 'The task was canceled.' },
      WORKER_LOST: {
        description:
          'The worker was killed, froze or could not reach the database. A task survives nine losses; the tenth fails it.',
      },
      HANDED_OVER: { description: 'The worker was shut down and released the task. The number is not limited.' },
    } as const,
  })

  const taskAttempt = builder.objectRef<AttemptEntry>('TaskAttempt').implement({
    description: 'One execution of a task.',
    fields: (t) => ({
      attempt: t.exposeInt('attempt', { description: '1 for the first execution.' }),
      startedAt: t.field({
        type: 'DateTime',
        description: 'When the execution started.',
        resolve: ({ startedAt }) => new Date(startedAt),
      }),
      finishedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the execution ended; null while it runs. For a lost worker, when the loss was detected.',
        resolve: ({ finishedAt }) => (finishedAt === undefined ? null : new Date(finishedAt)),
      }),
      outcome: t.field({
        type: attemptOutcome,
        nullable: true,
        description: 'How the execution ended; null while it runs.',
        resolve: ({ outcome }): AttemptOutcome | null => outcome ?? null,
      }),
      error: t.field({
        type: taskError,
        nullable: true,
        description: 'The cause of the failure or loss; null otherwise.',
        resolve: ({ error }) => error ?? null,
      }),
    }),
  })

  taskRef.implement({
    description: 'A unit of long-running work: started by a mutation, watched with `taskProgress`.',
    interfaces: [node],
    fields: (t) => ({
      id: t.id({ description: 'Begins with `task_`.', resolve: ({ task }) => task.id }),
      kind: t.field({
        type: taskKind,
        description: 'The kind of task.',
        resolve: ({ task }) => kindOf(task.kind),
      }),
      kindName: t.string({
        description: 'The stored name of the kind, also of one that this version of the server does not have.',
        resolve: ({ task }) => task.kind,
      }),
      input: t.field({
        type: 'JSON',
        nullable: true,
        description: 'The input that the task was started with; null for viewers that do not own the task.',
        ...dependOn('viewer'),
        resolve: ({ task, hasInput = true }, _, { viewer }) =>
          hasInput && viewer?.userId === task.owner ? task.input : null,
      }),
      status: t.field({
        type: taskStatus,
        description: 'The current status.',
        resolve: ({ task }): TaskStatus => task.status,
      }),
      progress: t.field({ type: progress, description: 'The progress.', resolve: ({ task }) => progressOfTask(task) }),
      items: t.field({
        extensions: itemsOfTask,
        type: [taskItem],
        description: `The parts of the task that have their own state, in a stable order: a page of them. \`progress\` has their numbers.

In a TaskSnapshot, the first page is as it was at \`cursor\`, and so is every page of a task with up to ${itemPageSize} items. Other pages are read when the snapshot is delivered.`,
        args: {
          first: t.arg.int({
            defaultValue: itemPageSize,
            description: `The maximum number of items, up to ${itemPageSize}.`,
          }),
          afterKey: t.arg.string({
            description: 'Only items after the one with this key: the last of the previous page.',
          }),
          status: t.arg({ type: [itemStatus], description: 'Only items with one of these statuses.' }),
        },
        resolve: readItems,
      }),
      attempt: t.int({
        description: '1 for the first execution; each further execution adds one, also after the loss of a worker.',
        resolve: ({ task }) => Math.max(1, task.attempt),
      }),
      maxAttempts: t.int({
        description: 'How often the handler may fail. Lost workers are counted apart.',
        resolve: ({ task }) => task.maxAttempts,
      }),
      attempts: t.field({
        type: [taskAttempt],
        description: 'One entry per execution, oldest first.',
        resolve: ({ task }) => [...task.attempts],
      }),
      queue: t.field({
        type: queuePosition,
        nullable: true,
        description: 'Position in the queue; null unless the task is queued.',
        resolve: ({ task }, _, { loaders }) => (task.status === 'QUEUED' ? loaders.queuePosition.load(task) : null),
      }),
      error: t.field({
        type: taskError,
        nullable: true,
        description: 'The cause of the failure of the task or of its last attempt; null otherwise.',
        resolve: ({ task }) => task.error,
      }),
      cursor: t.field({
        type: 'Cursor',
        description: 'The position in the task’s log at which these fields were read.',
        resolve: ({ task }, _, { engine }) => formatCursor(engine.reader.epoch, taskTopic(task.id), task.seq),
      }),
      outputs: t.field({
        type: [outputText],
        description: 'The text streamed by the current attempt up to `cursor`, for clients that subscribe later.',
        resolve: ({ task }, _, { engine }) => engine.store.outputs(task.id, task.seq),
      }),
      createdAt: t.field({
        type: 'DateTime',
        description: 'When it was created.',
        resolve: ({ task }) => task.createdAt,
      }),
      startedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the first attempt started.',
        resolve: ({ task }) => task.startedAt,
      }),
      nextAttemptAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'For a RETRYING task: the earliest start of the next attempt; null otherwise.',
        resolve: ({ task }) => (task.status === 'RETRYING' ? task.nextAttemptAt : null),
      }),
      finishedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the task completed, failed or was canceled.',
        resolve: ({ task }) => task.finishedAt,
      }),
      cancelReason: t.string({
        nullable: true,
        description: 'The reason that was given for canceling the task.',
        resolve: ({ task }) => task.cancelReason,
      }),
      retryOf: t.field({
        type: taskRef,
        nullable: true,
        description: 'The failed or canceled task that this task retries.',
        ...leadOut(({ task }: TaskSource, context) => rememberedTask(task.retryOf, context)),
      }),
    }),
  })

  const taskConnection = defineConnection<TaskSource>('Task', taskRef)

  builder.queryFields((t) => ({
    task: t.field({
      type: taskRef,
      nullable: true,
      description:
        'A task that the viewer owns, or that works on a subject shared with the viewer; null when there is none with this id.',
      args: { id: t.arg.id({ required: true, description: 'Begins with `task_`.' }) },
      resolve: async (_, { id }, context) => taskSource(await findVisibleTask(context, id)),
    }),
    tasks: t.field({
      type: taskConnection,
      description: 'The viewer’s tasks, newest first.',
      args: {
        status: t.arg({ type: [taskStatus], description: 'Only tasks with one of these statuses.' }),
        kind: t.arg({ type: [taskKind], description: 'Only tasks of one of these kinds.' }),
        ...listArguments,
      },
      resolve: async (_, { status, kind, ...range }, context) => {
        const viewer = requireLimitedViewer(context)
        const owned = {
          owner: viewer.userId,
          only: taskLimit(viewer),
          statuses: status ?? undefined,
          kinds: kind ?? undefined,
          otherThan: kind?.includes(unknownKind) === true ? [...knownKinds] : undefined,
        }
        const page = await readPage(range, (rows) => context.engine.store.list({ ...owned, ...rows }))
        return mapPage(page, (task): TaskSource => ({ task }))
      },
    }),
  }))

  return { taskStatus }
}

/** The types that {@link addTask} returns. */
export type TaskTypes = ReturnType<typeof addTask>
