/** Tidings as a library: the kinds of a team's tasks, and the server and worker that run them. */
export { graphqlType, json } from '../schema/definition/graphql-type.ts'
export type { Transaction } from './db/transaction.ts'
export { TidingsError } from './errors.ts'
export {
  createTidings,
  type Listening,
  type PublishOptions,
  type StartedTask,
  type StartOptions,
  type Tidings,
} from './library/create-tidings.ts'
export {
  defineTask,
  type ErrorSchemas,
  type FailureOptions,
  type Failures,
  type HandlerServices,
  type Handling,
  type InputOf,
  type RetryPolicy,
  type TaskKind,
} from './library/define-task.ts'
export {
  type AnyTopicKind,
  defineTopic,
  type EventSchemas,
  type EventsOf,
  type StateReading,
  type TopicKind,
} from './library/define-topic.ts'
export type { ListenOptions, ServeOptions, TidingsOptions, WorkerOptions } from './library/options.ts'
export { type FoundTask, findTask, viewerOf } from './library/team-context.ts'
export type { Authenticate, AuthenticatedUser, Caller } from './server/request/authenticate.ts'
export { FinalError, RetryableError } from './tasks/model/failure.ts'
export { advance, declareItems, item, output, type Report, stage } from './tasks/model/report.ts'
export type { Priority, RateLimit } from './tasks/model/task-definition.ts'
export type { Viewer } from './tasks/model/viewer.ts'
