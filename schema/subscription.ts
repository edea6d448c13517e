import { mapIterable } from '../src/log/interruptible.ts'
import { builder } from './builder.ts'
import { loadTask } from './task.ts'
import { createEventReader, type EventSource, taskEvent } from './task-event.ts'

builder.subscriptionField('taskProgress', (t) =>
  t.field({
    type: taskEvent,
    description: `Everything that happens to a task, in order, each event once; completes after the terminal event.

Without \`after\`: a snapshot first, then what follows. With \`after\`: exactly what follows that cursor.
\`fromStart: true\` replays the whole history first; beside \`after\`, which wins, it has no effect.

Leaving the subscription does not cancel the task. What cannot be replayed is said by a TaskSnapshot with its \`reason\`.`,
    args: {
      taskId: t.arg.id({ required: true, description: 'A task of the viewer’s.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event that was received.' }),
      fromStart: t.arg.boolean({ defaultValue: false, description: 'The whole history first.' }),
    },
    subscribe: async (_, { taskId, after, fromStart }, context) => {
      const task = await loadTask(context, taskId)
      const toSource = createEventReader(context.engine.reader.epoch, taskId)
      const watched = context.engine.watch({
        taskId,
        kind: task.kind,
        after: after ?? undefined,
        fromStart: fromStart ?? false,
        catchUpOnly: context.catchUp,
      })
      return mapIterable(watched, toSource)
    },
    resolve: (event: EventSource) => event,
  }),
)
