import type { FailureState, TaskItem } from '../../src/tasks/model/task.ts'
import type { Kit } from '../kit/kit.ts'
import { promised } from '../kit/topic-event.ts'
import type { ProgressTypes } from './progress.ts'
import { type EventSource, type TaskEvents, taskAfter } from './task-event.ts'

const errorOf = ({ payload }: EventSource): FailureState => payload['error'] as FailureState
const itemOf = ({ payload }: EventSource): TaskItem => payload['item'] as TaskItem
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Adds the types of `TaskEvent`. @returns the type of the event with the result */
export function addTaskEventTypes(
  { taskRef }: Kit,
  { queuePosition, taskError, taskItem }: ProgressTypes,
  { event, eventRef, snapshotRef }: TaskEvents,
) {
  const interfaces = [event]
  snapshotRef('TaskSnapshot').implement({
    description: 'The whole current state. Replaces everything received before.',
    interfaces,
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task as it is at `cursor`.',
        resolve: (event) => promised(event.snapshot, event),
      }),
    }),
  })
  eventRef('TaskQueued').implement({
    description: 'The task was queued.',
    interfaces,
    fields: (t) => ({
      queue: t.field({
        type: queuePosition,
        nullable: true,
        description: 'The position at that time, if known; TaskQueueMoved reports changes.',
        resolve: ({ queuePosition }) => queuePosition ?? null,
      }),
    }),
  })
  eventRef('TaskQueueMoved').implement({
    description:
      'The queue position has changed. Ephemeral: only the newest value counts, and it is not stored in the log.',
    interfaces,
    fields: (t) => ({
      queue: t.field({
        type: queuePosition,
        nullable: true,
        description: 'The current position. Nullable like `TaskQueued.queue`, so that one selection fits both.',
        resolve: ({ queuePosition }) => queuePosition ?? null,
      }),
    }),
  })
  eventRef('TaskStarted').implement({
    description: 'An attempt started. `percent` starts again; completed items stay completed.',
    interfaces,
    fields: (t) => ({
      attempt: t.int({ description: '1 for the first.', resolve: ({ payload }) => numberOf(payload['attempt']) }),
    }),
  })
  eventRef('TaskAdvanced').implement({
    description: 'The progress has changed. Only the newest value counts.',
    interfaces,
  })
  eventRef('TaskItemsAdded').implement({
    description: 'Items were added.',
    interfaces,
    fields: (t) => ({
      items: t.field({
        type: [taskItem],
        description: 'The new items, which follow the known ones.',
        resolve: ({ payload }) => (Array.isArray(payload['items']) ? (payload['items'] as TaskItem[]) : []),
      }),
    }),
  })
  eventRef('TaskItemStarted').implement({
    description: 'An item was started.',
    interfaces,
    fields: (t) => ({ item: t.field({ type: taskItem, description: 'The item.', resolve: itemOf }) }),
  })
  eventRef('TaskItemCompleted').implement({
    description: 'An item completed, or was skipped (SKIPPED).',
    interfaces,
    fields: (t) => ({ item: t.field({ type: taskItem, description: 'The item.', resolve: itemOf }) }),
  })
  eventRef('TaskItemFailed').implement({
    description: 'An item failed permanently; the task continues with the others.',
    interfaces,
    fields: (t) => ({ item: t.field({ type: taskItem, description: 'The item, with its error.', resolve: itemOf }) }),
  })
  eventRef('TaskBatchCompleted').implement({
    description: 'All items have ended; a page may now fetch the data it shows.',
    interfaces,
  })
  eventRef('TaskOutput').implement({
    description: 'A part of streamed text. `offset` counts UTF-16 code units from the start of this attempt’s stream.',
    interfaces,
    fields: (t) => ({
      stream: t.string({
        description: 'The name of the stream.',
        resolve: ({ payload }) => String(payload['stream']),
      }),
      offset: t.int({
        description: 'The offset of the text in its stream.',
        resolve: ({ payload }) => numberOf(payload['offset']),
      }),
      text: t.string({
        description: 'The text. All parts of a stream, concatenated, are the whole text.',
        resolve: ({ payload }) => String(payload['text']),
      }),
    }),
  })
  eventRef('TaskRetrying').implement({
    description: 'An attempt failed temporarily, or its worker was lost; the next attempt follows automatically.',
    interfaces,
    fields: (t) => ({
      error: t.field({ type: taskError, description: 'The cause of the failure.', resolve: errorOf }),
      attempt: t.int({
        description: 'The number of the next attempt.',
        resolve: ({ payload }) => numberOf(payload['attempt']),
      }),
      nextAttemptAt: t.field({
        type: 'DateTime',
        description: 'The earliest start of the next attempt.',
        resolve: ({ payload, at }) => (typeof payload['nextAttemptAt'] === 'string' ? payload['nextAttemptAt'] : at),
      }),
    }),
  })
  const taskCompleted = eventRef('TaskCompleted').implement({
    description: 'The task completed. The subscription completes after this event.',
    interfaces,
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task after this event. Normalized caches follow it by its id.',
        resolve: (event, _, context) => taskAfter(event, context),
      }),
    }),
  })
  eventRef('TaskFailed').implement({
    description: 'The task failed permanently. The subscription completes after this event.',
    interfaces,
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task after this event. Normalized caches follow it by its id.',
        resolve: (event, _, context) => taskAfter(event, context),
      }),
      error: t.field({ type: taskError, description: 'The cause of the failure.', resolve: errorOf }),
    }),
  })
  eventRef('TaskCanceled').implement({
    description: 'The task was canceled. The subscription completes after this event.',
    interfaces,
    fields: (t) => ({
      task: t.field({
        type: taskRef,
        description: 'The task after this event. Normalized caches follow it by its id.',
        resolve: (event, _, context) => taskAfter(event, context),
      }),
      cancelReason: t.string({
        nullable: true,
        description: 'The reason that was given for canceling the task.',
        resolve: ({ payload }) => (typeof payload['reason'] === 'string' ? payload['reason'] : null),
      }),
    }),
  })
  return { taskCompleted }
}
