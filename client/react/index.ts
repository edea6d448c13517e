'use client'

/**
 * The client for React: `tidings/react`. Its modules run in the browser: a server component renders
 * them as client components.
 */
export { defaultWords, type TidingsWords } from './component-words.ts'
export { ConnectionIndicator } from './connection-indicator.tsx'
export { ProgressBar, type ProgressBarTask } from './progress-bar.tsx'
export { TidingsProvider, useTidings, useWords } from './provider.ts'
export { QueuePosition } from './queue-position.tsx'
export type { Live, LiveReducer } from './shared-live.ts'
export { type CancelTask, useCancelTask } from './use-cancel-task.ts'
export { useConnection, useOutbox } from './use-connection.ts'
export { useLive } from './use-live.ts'
export { useManyTasks } from './use-many-tasks.ts'
export { type LiveTask, useTask } from './use-task.ts'
export { type TaskMutation, type TaskMutationOutcome, useTaskMutation } from './use-task-mutation.ts'
export { type LiveTasks, type TaskListOptions, useTasks } from './use-tasks.ts'
export { useUpload } from './use-upload.ts'
export { describeConnection, describeDuration, describeName, describePlace, describeWhere } from './words.ts'
