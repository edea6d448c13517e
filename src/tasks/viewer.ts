import type { Task } from './task.ts'

/** Who asks. */
export interface Viewer {
  readonly userId: string
  readonly roles: readonly string[]
  /** The plan that decides the head start of this user's tasks; null for the ordinary one. */
  readonly plan: string | null
  /** The tasks that the token is limited to; null when it names none. See {@link isLimited}. */
  readonly taskIds: readonly string[] | null
  /** The sessions that the token is limited to; null when it names none. */
  readonly sessionIds: readonly string[] | null
  /** When the token expires; null when it does not. */
  readonly expiresAt: Date | null
}

/**
 * Whether the token is good for some tasks and sessions only: for those that it names, and nothing beside them. Naming tasks is a limit for
 * sessions as well, and the other way round.
 */
export function isLimited({ taskIds, sessionIds }: Pick<Viewer, 'taskIds' | 'sessionIds'>): boolean {
  return taskIds !== null || sessionIds !== null
}

/** Whether the token is good for a task: names it, or the session that it is a reply in, or is not limited. Not yet whether it may be seen. */
export function isGoodFor(viewer: Viewer, task: Pick<Task, 'id' | 'subject'>): boolean {
  if (!isLimited(viewer) || viewer.taskIds?.includes(task.id) === true) return true
  return task.subject !== null && viewer.sessionIds?.includes(task.subject) === true
}

/** Whether the viewer owns a task that the token is good for. Who else may see it, `Visibility` says. */
export function maySeeTask(viewer: Viewer, task: Pick<Task, 'id' | 'owner' | 'subject'>): boolean {
  return viewer.userId === task.owner && isGoodFor(viewer, task)
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
