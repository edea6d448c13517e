import { createCursorFormat, parseCursor } from '../../src/log/cursor.ts'
import type { LogReader } from '../../src/log/read.ts'
import { type Task, taskTopic } from '../../src/tasks/model/task.ts'
import { type Page, pageSize } from '../kit/connection.ts'
import type { Kit } from '../kit/kit.ts'
import { type EventSource, type TaskEvents, toEventSource } from './task-event.ts'

/** Reads the log of a task in pages. @throws TidingsError `BAD_CURSOR`, `BAD_INPUT` */
async function readHistory(
  task: Task,
  after: string | null | undefined,
  first: number | null | undefined,
  reader: LogReader,
): Promise<Page<EventSource>> {
  const topic = taskTopic(task.id)
  const size = pageSize(first, 100, 1_000)
  const cursor = after === null || after === undefined ? undefined : parseCursor(after, topic)
  const from = cursor?.epoch === reader.epoch ? cursor.seq : 0
  const { events } = await reader.read(topic, from, size + 1)
  const cursorOf = createCursorFormat(reader, topic)
  return {
    edges: events.slice(0, size).map((event) => {
      const { seq, at } = event
      const node = { ...toEventSource(event, task.id, { cursor: cursorOf(seq), seq, at }), earlier: task }
      return { cursor: node.cursor, node }
    }),
    hasNextPage: events.length > size,
    hasPreviousPage: from > 0,
  }
}

/** Adds `Task.events`. */
export function addTaskHistory({ builder, taskRef, defineConnection }: Kit, taskEvents: TaskEvents): void {
  const taskEventConnection = defineConnection<EventSource>('TaskEvent', taskEvents.event)
  builder.objectField(taskRef, 'events', (t) =>
    t.field({
      type: taskEventConnection,
      description: 'The stored events, oldest first.',
      args: {
        after: t.arg({ type: 'Cursor', description: 'Only events after this cursor.' }),
        first: t.arg.int({ defaultValue: 100, description: 'The maximum number of events, up to 1,000.' }),
      },
      resolve: ({ task }, { after, first }, { engine }) => readHistory(task, after, first, engine.reader),
    }),
  )
}
