import type { Task, TaskItem } from '../../src/tasks/model/task.ts'
import type { Builder } from './builder.ts'

/** Creates the ref of `Task`, which other files refer to; implemented in schema/task/task.ts. */
export function createTaskRef(builder: Builder) {
  return builder.objectRef<TaskSource>('Task')
}

/** The ref of `Task`. */
export type TaskRef = ReturnType<typeof createTaskRef>

/** The source of `Task`: its row, and its parts if they were read with it. */
export interface TaskSource {
  readonly task: Task
  /** The first page. */
  readonly items?: readonly TaskItem[]
  /** False when the input was not read because the task was deleted. */
  readonly hasInput?: boolean
}

/** Converts a task to the source of `Task`. */
export function taskSource(task: Task | null): TaskSource | null {
  return task === null ? null : { task }
}
