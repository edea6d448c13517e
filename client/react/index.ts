'use client'

/**
 * The client for React: `tidings/react`. Its modules run in the browser: a server component renders
 * them as client components.
 */
export { defaultWords, type TidingsWords } from './components/component-words.ts'
export { ConnectionIndicator } from './components/connection-indicator.tsx'
export { ProgressBar, type ProgressBarTask } from './components/progress-bar.tsx'
export { QueuePosition } from './components/queue-position.tsx'
export {
  describeConnection,
  describeDuration,
  describeError,
  describeName,
  describePlace,
  describeWhere,
  endSentence,
} from './describe.ts'
export { TidingsProvider, useTidings, useWords } from './provider.ts'
export type { Live, LiveReducer } from './shared-live.ts'
export { type CancelTask, useCancelTask } from './tasks/use-cancel-task.ts'
export { useManyTasks } from './tasks/use-many-tasks.ts'
export { type Start, useStart } from './tasks/use-start.ts'
export { type LiveTask, type LiveTaskOf, useTask } from './tasks/use-task.ts'
export { type TaskMutation, type TaskMutationOutcome, useTaskMutation } from './tasks/use-task-mutation.ts'
export { type LiveTasks, type TaskListOptions, useTasks } from './tasks/use-tasks.ts'
export { useConnection, useOutbox } from './use-connection.ts'
export { useLive } from './use-live.ts'
export { useNow } from './use-now.ts'
export { useTopic } from './use-topic.ts'
export { useUpload } from './use-upload.ts'
