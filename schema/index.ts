import './kit/node.ts'
import './task/task-progress.ts'
import './task/task.ts'
import './task/task-mutations.ts'
import './task/task-delete.ts'
import './task/task-event.ts'
import './task/task-event-types.ts'
import './task/task-history.ts'

/**
 * The types of the engine, and the builder to which an application adds its own. Every type is
 * added when its file is loaded.
 */
export { builder } from './kit/builder.ts'
export { createContext } from './kit/context.ts'
