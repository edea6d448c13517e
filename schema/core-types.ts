import type { Builder } from './kit/builder.ts'
import { addKit } from './kit/kit.ts'
import { addProgress } from './task/progress.ts'
import { addTask } from './task/task.ts'
import { addTaskDeletion } from './task/task-delete.ts'
import { addTaskEvents } from './task/task-event.ts'
import { addTaskEventTypes } from './task/task-event-types.ts'
import { addTaskHistory } from './task/task-history.ts'
import { addTaskKinds } from './task/task-kind.ts'
import { addTaskMutations } from './task/task-mutations.ts'
import { addTaskProgress } from './task/task-progress.ts'
import { addTaskResults } from './task/task-result.ts'

/**
 * Adds the types of the engine to the builder of one schema.
 *
 * @returns the types that an application refers to, and the functions with which it defines its own
 *
 * @example
 * const builder = createBuilder()
 * const { defineResult, defineTaskKinds, taskRef } = addCoreTypes(builder)
 */
export function addCoreTypes(builder: Builder) {
  const kit = addKit(builder)
  const progressTypes = addProgress(kit)
  const taskKinds = addTaskKinds(kit)
  const taskTypes = addTask(kit, progressTypes, taskKinds)
  const taskEvents = addTaskEvents(kit, { ...progressTypes, ...taskTypes })
  const { taskCompleted } = addTaskEventTypes(kit, progressTypes, taskEvents)
  addTaskHistory(kit, taskEvents)
  addTaskProgress(kit, taskEvents)
  addTaskMutations(kit, taskKinds)
  addTaskDeletion(kit)
  return {
    ...kit,
    ...progressTypes,
    ...taskKinds,
    ...taskTypes,
    ...addTaskResults(kit, taskCompleted),
  }
}

/** The types of the engine in one schema. */
export type CoreTypes = ReturnType<typeof addCoreTypes>
