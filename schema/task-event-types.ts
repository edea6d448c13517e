import type { JsonObject } from '../src/db/tables.ts'
import type { FailureState, TaskItem } from '../src/tasks/task.ts'
import { queuePosition, taskError, taskItem } from './progress.ts'
import { taskRef } from './refs.ts'
import { type EventSource, taskAfter, taskEvents } from './task-event.ts'
import { taskResult, toResult } from './task-result.ts'
import { promised } from './topic-event.ts'

const { event, eventRef, snapshotRef } = taskEvents
const interfaces = [event]
const errorOf = ({ payload }: EventSource): FailureState => payload['error'] as FailureState
const itemOf = ({ payload }: EventSource): TaskItem => payload['item'] as TaskItem
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)

snapshotRef('TaskSnapshot').implement({
  description: 'The whole present state, in place of events: begin anew from it.',
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
  description: 'The task was put in line.',
  interfaces,
  fields: (t) => ({
    queue: t.field({
      type: queuePosition,
      nullable: true,
      description: 'Where it stood in line, where that was known; TaskQueueMoved tells the place as it moves.',
      resolve: ({ place }) => place ?? null,
    }),
  }),
})
eventRef('TaskQueueMoved').implement({
  description: 'The place in the queue has changed. Passing: only the newest counts, and it is not in the history.',
  interfaces,
  fields: (t) => ({
    queue: t.field({
      type: queuePosition,
      nullable: true,
      description: 'The current position. Nullable like `TaskQueued.queue`, so that one selection fits both.',
      resolve: ({ place }) => place ?? null,
    }),
  }),
})
eventRef('TaskStarted').implement({
  description: 'A worker has begun an attempt. `percent` begins anew; items that were completed stay so.',
  interfaces,
  fields: (t) => ({
    attempt: t.int({ description: '1 for the first.', resolve: ({ payload }) => numberOf(payload['attempt']) }),
  }),
})
eventRef('TaskAdvanced').implement({
  description: 'The progress has changed; its newest value is all that counts.',
  interfaces,
})
eventRef('TaskItemsAdded').implement({
  description: 'Parts that have a state of their own were added.',
  interfaces,
  fields: (t) => ({
    items: t.field({
      type: [taskItem],
      description: 'The new ones, to be put behind those already known.',
      resolve: ({ payload }) => (Array.isArray(payload['items']) ? (payload['items'] as TaskItem[]) : []),
    }),
  }),
})
eventRef('TaskItemStarted').implement({
  description: 'A part is being worked on.',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part.', resolve: itemOf }) }),
})
eventRef('TaskItemCompleted').implement({
  description: 'A part is done (or was not necessary: SKIPPED).',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part.', resolve: itemOf }) }),
})
eventRef('TaskItemFailed').implement({
  description: 'A part failed for good; the others go on.',
  interfaces,
  fields: (t) => ({ item: t.field({ type: taskItem, description: 'The part, with its error.', resolve: itemOf }) }),
})
eventRef('TaskBatchCompleted').implement({
  description: 'Every part has come to an end; a page may fetch now what it shows.',
  interfaces,
})
eventRef('TaskOutput').implement({
  description:
    'A piece of text as it is produced; `offset` counts UTF-16 code units from the start of this attempt’s stream.',
  interfaces,
  fields: (t) => ({
    stream: t.string({
      description: 'Which output; for content of a concept, the item’s key.',
      resolve: ({ payload }) => String(payload['stream']),
    }),
    offset: t.int({
      description: 'Where it stands in its stream.',
      resolve: ({ payload }) => numberOf(payload['offset']),
    }),
    text: t.string({
      description: 'The piece; put together, the pieces are the whole.',
      resolve: ({ payload }) => String(payload['text']),
    }),
  }),
})
eventRef('TaskRetrying').implement({
  description: 'An attempt failed in a way that may pass, or its worker was lost; the next one follows by itself.',
  interfaces,
  fields: (t) => ({
    error: t.field({ type: taskError, description: 'Why.', resolve: errorOf }),
    attempt: t.int({
      description: 'The attempt that follows.',
      resolve: ({ payload }) => numberOf(payload['attempt']),
    }),
    nextAttemptAt: t.field({
      type: 'DateTime',
      description: 'Not before this instant.',
      resolve: ({ payload, at }) => (typeof payload['nextAttemptAt'] === 'string' ? payload['nextAttemptAt'] : at),
    }),
  }),
})
eventRef('TaskCompleted').implement({
  description: 'The task is done. The subscription completes after this event.',
  interfaces,
  fields: (t) => ({
    task: t.field({
      type: taskRef,
      description: 'The task after this event. Normalized caches follow it by its id.',
      resolve: (event, _, context) => taskAfter(event, context),
    }),
    result: t.field({
      type: taskResult,
      nullable: true,
      description: 'What it produced; null for kinds that produce nothing.',
      resolve: ({ payload }, _, context) => toResult((payload['result'] ?? null) as JsonObject | null, context),
    }),
  }),
})
eventRef('TaskFailed').implement({
  description: 'The task failed for good. The subscription completes after this event.',
  interfaces,
  fields: (t) => ({
    task: t.field({
      type: taskRef,
      description: 'The task after this event. Normalized caches follow it by its id.',
      resolve: (event, _, context) => taskAfter(event, context),
    }),
    error: t.field({ type: taskError, description: 'Why, and what can be done.', resolve: errorOf }),
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
      description: 'The reason that was given for canceling it.',
      resolve: ({ payload }) => (typeof payload['reason'] === 'string' ? payload['reason'] : null),
    }),
  }),
})
