/**
 * `tidings/schema`: the types of the engine in a schema of an application's own, and what its own types are made with: paginated
 * lists, results with failures, subscriptions to topics, loaders, access. For applications on `tidings/engine`; a team that uses
 * `createTidings` gets its schema from the definitions of its kinds and topics.
 */
export { dependOn } from '../src/live/execute/topic-field.ts'
export { addCoreTypes, type CoreTypes } from './core-types.ts'
export { findOwn, requireAdmin } from './kit/access.ts'
export { type Builder, createBuilder, refuseLimited, requireLimitedViewer, requireViewer } from './kit/builder.ts'
export { mapPage, type Page, pageSize, readPage } from './kit/connection.ts'
export { type Context, createContext, type MayStart } from './kit/context.ts'
export { refuseAsMissing } from './kit/failure.ts'
export { type BatchRead, type Ids, type Loaders, type LoadersOf, registerLoaders } from './kit/loaders.ts'
export type { NodeSources, NodeType } from './kit/node.ts'
export { anyFailure, type ResultOptions } from './kit/result.ts'
export { leadOut } from './kit/scoped-token-fields.ts'
export type { ServiceLimits, Services } from './kit/services.ts'
export { type TaskSource, taskSource } from './kit/task-ref.ts'
export { type EventPosition, type LoggedEvent, promised, readLogged, type TopicEvent } from './kit/topic-event.ts'
export { subscribeToTopic, type TopicDefinition } from './kit/topic-subscription.ts'
export { keyDescription, startTask } from './task/start-task.ts'
export { activeTaskOf, rememberedTask } from './task/subject-task.ts'
