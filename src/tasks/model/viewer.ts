import type { Task } from './task.ts'

/** The authenticated caller of an operation. */
export interface Viewer {
  readonly userId: string
  readonly roles: readonly string[]
  /**
   * The plan that determines the priority boost of this user's tasks; null for the default plan.
   */
  readonly plan: string | null
  /** The tasks that the token is scoped to; null when it names none. See {@link isLimited}. */
  readonly taskIds: readonly string[] | null
  /** The sessions that the token is scoped to; null when it names none. */
  readonly sessionIds: readonly string[] | null
  /** When the token expires; null when it does not. */
  readonly expiresAt: Date | null
}

/**
 * Whether the token is scoped: valid only for the tasks and sessions that it names. A token that
 * names only tasks is valid for no other session, and vice versa.
 */
export function isLimited({ taskIds, sessionIds }: Pick<Viewer, 'taskIds' | 'sessionIds'>): boolean {
  return taskIds !== null || sessionIds !== null
}

/**
 * Whether the token covers a task: it names the task, or the session that the task replies in, or
 * is not scoped. Does not decide whether the viewer may see the task.
 */
export function isGoodFor(viewer: Viewer, task: Pick<Task, 'id' | 'subject'>): boolean {
  if (!isLimited(viewer) || viewer.taskIds?.includes(task.id) === true) return true
  return task.subject !== null && viewer.sessionIds?.includes(task.subject) === true
}

/**
 * Whether the viewer owns a task that the token covers. `Visibility` decides for all other users.
 */
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

/**
 * The extensions of root fields that are available without a token. All others are refused before
 * they are validated, so that an operation without a token costs no more than its parsing.
 */
export const withoutToken = { withoutToken: true } as const
