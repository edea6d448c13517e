import type { Task } from './task.ts'

/** Who asks. */
export interface Viewer {
  readonly userId: string
  readonly roles: readonly string[]
  /** The plan that decides the head start of this user's tasks; null for the ordinary one. */
  readonly plan: string | null
  /** The tasks that the token is limited to; null for no limit. */
  readonly taskIds: readonly string[] | null
  /** The sessions that the token is limited to; null for no limit. */
  readonly sessionIds: readonly string[] | null
  /** When the token expires; null when it does not. */
  readonly expiresAt: Date | null
}

/** Whether the token lets its holder at some tasks or sessions only. */
export function isLimited({ taskIds, sessionIds }: Viewer): boolean {
  return taskIds !== null || sessionIds !== null
}

/** Whether the viewer owns a task, and the token, when it is limited, names it. Who else may see it, `Visibility` says. */
export function maySeeTask(viewer: Viewer, task: Pick<Task, 'id' | 'owner'>): boolean {
  return viewer.userId === task.owner && (viewer.taskIds === null || viewer.taskIds.includes(task.id))
}

/** The single user of a server without tokens. */
export const localDeveloper: Viewer = {
  userId: 'local-developer',
  roles: ['admin'],
  plan: null,
  taskIds: null,
  sessionIds: null,
  expiresAt: null,
}
