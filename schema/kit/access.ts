import type DataLoader from 'dataloader'
import { TidingsError } from '../../src/errors.ts'
import type { FirstSnapshot } from '../../src/log/follow.ts'
import type { TaskSnapshotState } from '../../src/tasks/model/store.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import type { Viewer } from '../../src/tasks/model/viewer.ts'
import { requireLimitedViewer, requireViewer } from './builder.ts'
import type { Context } from './context.ts'

/**
 * Returns the viewer of an operation for administrators.
 * @throws TidingsError `UNAUTHENTICATED`, `FORBIDDEN`
 */
export function requireAdmin(context: Context): Viewer {
  const viewer = requireViewer(context)
  if (viewer.roles.includes('admin')) return viewer
  const error = new TidingsError('FORBIDDEN', 'Only users with the role "admin" may do this')
  context.note('REFUSED', { reason: 'role', detail: error.message })
  throw error
}

/** Finds an object that the viewer owns; null when it has another owner or does not exist. */
export async function findOwn<T extends { readonly owner: string }>(
  context: Context,
  loader: DataLoader<string, T | null>,
  id: string,
): Promise<T | null> {
  const { userId } = requireViewer(context)
  const found = await loader.load(id)
  return found?.owner === userId ? found : null
}

/**
 * Finds a task that the viewer owns, or that is about a subject shared with the viewer, and that
 * the token is valid for; null when there is none.
 */
export async function findVisibleTask(context: Context, id: string): Promise<Task | null> {
  const viewer = requireLimitedViewer(context)
  const task = await context.loaders.task.load(id)
  return task !== null && (await context.engine.visibility.maySee(viewer, task)) ? task : null
}

/**
 * Finds a task as {@link findVisibleTask} does, as a snapshot for its subscriber.
 * @param first - the maximum number of items
 */
export async function findVisibleSnapshot(
  context: Context,
  id: string,
  first: number,
): Promise<FirstSnapshot<TaskSnapshotState> | null> {
  const viewer = requireLimitedViewer(context)
  const { reader, store, visibility } = context.engine
  const { epoch } = reader
  const snapshot = await store.snapshot(id, first)
  const task = snapshot?.state.task
  // The rows of erased tasks remain for a while, without an owner.
  if (snapshot === null || task === undefined || task.owner === '') return null
  return (await visibility.maySee(viewer, task)) ? { ...snapshot, epoch } : null
}
