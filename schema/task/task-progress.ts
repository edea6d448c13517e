import type { LogEvent } from '../../src/log/event.ts'
import type { TopicUpdate } from '../../src/log/follow.ts'
import type { TaskSnapshotState } from '../../src/tasks/model/store.ts'
import { classOf, lastEventTypes, taskTopic } from '../../src/tasks/model/task.ts'
import type { QueuePosition } from '../../src/tasks/queue/positions.ts'
import { findVisibleSnapshot } from '../kit/access.ts'
import { requireLimitedViewer } from '../kit/builder.ts'
import { refuseAsMissing } from '../kit/failure.ts'
import type { Kit } from '../kit/kit.ts'
import { type StartingArguments, subscribeToTopic } from '../kit/topic-subscription.ts'
import { countSelectedItems } from './selected-items.ts'
import { loadTask } from './task.ts'
import { type EventSource, readQueueMoved, readTaskEvent, type TaskEvents } from './task-event.ts'

/** Joins two outputs when the second starts where the first ends. */
function joinOutputs(first: LogEvent, second: LogEvent): LogEvent | null {
  const { stream, offset, text } = first.payload
  if (typeof text !== 'string' || typeof offset !== 'number') return null
  const { payload } = second
  if (payload['stream'] !== stream || payload['offset'] !== offset + text.length) return null
  return { ...second, payload: { ...payload, offset, text: `${text}${String(payload['text'])}` } }
}

// Functions of the module: the closures of a definition take memory for each topic.
const isLastEvent = ({ type }: LogEvent): boolean => lastEventTypes.has(type)
const isQueuedAfter = (update: TopicUpdate<TaskSnapshotState>): boolean =>
  (update.is === 'event' ? update.event.payload['status'] : update.state.task.status) === 'QUEUED'

interface TaskProgressArguments extends StartingArguments {
  readonly taskId: string
}

/** Adds the subscription `taskProgress`. */
export function addTaskProgress({ builder }: Kit, taskEvents: TaskEvents): void {
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
      ...subscribeToTopic<TaskProgressArguments, TaskSnapshotState, EventSource>(
        async ({ taskId, after = null, fromStart = false }, context, operation) => {
          const { engine } = context
          const first = countSelectedItems(operation)
          // A subscriber that starts with a snapshot is authorized by the task in it.
          const firstSnapshot =
            after === null && !fromStart
              ? ((await findVisibleSnapshot(context, taskId, first)) ?? refuseAsMissing('task', taskId))
              : undefined
          const loadedTask = firstSnapshot?.state.task ?? (await loadTask(context, taskId))
          // The input is not retained: it may be large.
          const task = { ...loadedTask, input: {} }
          const { id, kind, status } = task
          return {
            topic: taskTopic(id),
            snapshot: () => engine.store.snapshot(id, first),
            firstSnapshot,
            isLast: isLastEvent,
            classOf,
            join: joinOutputs,
            read: (update, eventPosition) => readTaskEvent(update, eventPosition, task),
            guard: engine.visibility.guard(requireLimitedViewer(context), task),
            isPresenceKept: true,
            ephemeral: {
              isWanted: status === 'QUEUED',
              isWantedAfter: isQueuedAfter,
              watch: (notify) => engine.queuePositions.watch({ id, kind }, notify),
              read: async () => (await engine.queuePositions.of([{ id, kind }])).get(id),
              toEvent: (position, place) => readQueueMoved(position as QueuePosition, place, task),
            },
          }
        },
      ),
    }),
  )
}
