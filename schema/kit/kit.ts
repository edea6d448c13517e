import type { Builder } from './builder.ts'
import { addConnections } from './connection.ts'
import { addFailures } from './failure.ts'
import { addNodes } from './node.ts'
import { createResults } from './result.ts'
import { createTaskRef } from './task-ref.ts'
import { addTopicEvents } from './topic-event.ts'

/** Adds the types that all types of one schema use. @returns these types, and the functions that define further ones */
export function addKit(builder: Builder) {
  const taskRef = createTaskRef(builder)
  const failureRefs = addFailures(builder, taskRef)
  return {
    builder,
    taskRef,
    failureRefs,
    ...createResults(builder, failureRefs),
    ...addConnections(builder),
    ...addNodes(builder),
    ...addTopicEvents(builder),
  }
}

/** The basic types of one schema, and the functions that define further types. */
export type Kit = ReturnType<typeof addKit>
