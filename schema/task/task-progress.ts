import { guardIterable, mapIterable } from '../../src/async/interruptible.ts'
import { type Guard, type SharedField, type SharedTopic, shareExecution } from '../../src/live/execute/shared-field.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { TaskSnapshotState } from '../../src/tasks/model/store.ts'
import { classOf, lastEventTypes, type Task, taskTopic } from '../../src/tasks/model/task.ts'
import type { QueuePosition } from '../../src/tasks/queue/positions.ts'
import { noteSubscription } from '../kit/audit-subscription.ts'
import { builder, requireLimitedViewer } from '../kit/builder.ts'
import type { Context } from '../kit/context.ts'
import { guardWithPresence } from '../kit/presence.ts'
import { loadTask } from './task.ts'
import { createEventReader, type EventSource, taskEvents } from './task-event.ts'

/** The events of a task are the same for all users with access to it. */
const sharedProgress: SharedField<Context, TaskSnapshotState> = {
  startingArguments: ['after', 'fromStart'],
  startOf: ({ after, fromStart }) => ({
    after: typeof after === 'string' ? after : undefined,
    fromStart: fromStart === true,
  }),
  open: async ({ taskId }, context) => {
    const { task } = await findTopic(context, String(taskId))
    return { ...shareTask(context, task), guard: guardTask(context, task) }
  },
}

function findTopic(context: Context, id: string): Promise<{ readonly topic: string; readonly task: Task }> {
  return noteSubscription(context, async () => ({ topic: taskTopic(id), task: await loadTask(context, id) }))
}

function shareTask({ engine }: Context, task: Task): SharedTopic<TaskSnapshotState> {
  const { id, kind, status } = task
  return {
    topic: taskTopic(id),
    snapshot: () => engine.store.snapshot(id),
    isLast: ({ type }) => lastEventTypes.has(type),
    classOf,
    join: joinOutputs,
    createReader() {
      const read = createEventReader(engine.reader, id, task)
      return {
        read,
        readEphemeral: (place, seq) =>
          read({ is: 'queueMoved', seq, at: new Date().toISOString(), place: place as QueuePosition }),
      }
    },
    ephemeral: {
      isWanted: status === 'QUEUED',
      isWantedAfter: (followed) =>
        (followed.is === 'event' ? followed.event.payload['status'] : followed.state.task.status) === 'QUEUED',
      watch: (tell) => engine.queuePositions.watch({ id, kind }, tell),
    },
  }
}

/** Ends the subscription when access to the task is revoked; the viewer is present while it lasts. */
function guardTask(context: Context, task: Task): Guard {
  const viewer = requireLimitedViewer(context)
  return guardWithPresence(context, taskTopic(task.id), context.engine.visibility.guard(viewer, task))
}

/** Joins two outputs when the second starts where the first ends. */
function joinOutputs(first: LogEvent, second: LogEvent): LogEvent | null {
  const { stream, offset, text } = first.payload
  if (typeof text !== 'string' || typeof offset !== 'number') return null
  const { payload } = second
  if (payload['stream'] !== stream || payload['offset'] !== offset + text.length) return null
  return { ...second, payload: { ...payload, offset, text: `${text}${String(payload['text'])}` } }
}

builder.subscriptionField('taskProgress', (t) =>
  t.field({
    type: taskEvents.event,
    description: `All events of a task, in order, each exactly once; completes after the terminal event.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
\`fromStart: true\` replays the whole history first; it has no effect beside \`after\`.

Unsubscribing does not cancel the task. A TaskSnapshot with its \`reason\` replaces events that cannot be replayed.`,
    args: {
      taskId: t.arg.id({ required: true, description: 'A task that the viewer may see.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
      fromStart: t.arg.boolean({ defaultValue: false, description: 'Replays the whole history first.' }),
    },
    ...shareExecution(sharedProgress),
    subscribe: async (_, { taskId, after, fromStart }, context) => {
      const { task } = await findTopic(context, taskId)
      const toSource = createEventReader(context.engine.reader, taskId, task)
      const watched = context.engine.watch({
        taskId,
        kind: task.kind,
        after: after ?? undefined,
        fromStart: fromStart ?? false,
        catchUpOnly: context.catchUp,
      })
      return mapIterable(guardIterable(watched, guardTask(context, task)), toSource)
    },
    resolve: (event: EventSource) => event,
  }),
)
