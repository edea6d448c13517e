import type DataLoader from 'dataloader'
import { TidingsError } from '../../src/errors.ts'
import type { Document } from '../../src/studio/documents/document.ts'
import type { Session } from '../../src/studio/sessions/session.ts'
import type { Task } from '../../src/tasks/model/task.ts'
import { isLimited, type Viewer } from '../../src/tasks/model/viewer.ts'
import { requireLimitedViewer, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import type { SessionSource } from './refs.ts'

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
 * Finds a document that the viewer owns, or that is shared with the viewer; null when there is
 * none.
 */
export async function findReadableDocument(context: Context, id: string): Promise<Document | null> {
  return findDocumentOf(context, id, requireViewer(context).userId)
}

/**
 * Finds a document on behalf of a user, independent of the viewer: also where an event is executed
 * for a subscription group, without a viewer.
 */
export async function findDocumentOf(
  { loaders, documents }: Pick<Context, 'loaders' | 'documents'>,
  id: string,
  userId: string,
): Promise<Document | null> {
  const document = await loaders.document.load(id)
  if (document === null || document.owner === userId) return document
  const shared = await documents.sharedWith([id], userId)
  return shared.has(id) ? document : null
}

/** Whether the viewer takes part in a session, and a scoped token names it. */
export async function maySeeSession(context: Pick<Context, 'viewer' | 'sessions'>, id: string): Promise<boolean> {
  const viewer = requireLimitedViewer(context)
  if (sessionLimit(viewer)?.includes(id) === false) return false
  return context.sessions.isParticipant(id, viewer.userId)
}

/**
 * Returns the sessions that a token is scoped to, none if it names only tasks; null when it is not
 * scoped.
 */
export function sessionLimit(viewer: Viewer): readonly string[] | null {
  return isLimited(viewer) ? (viewer.sessionIds ?? []) : null
}

/** Finds a session that the viewer takes part in; null when there is none. */
export async function findSession(context: Context, id: string): Promise<Session | null> {
  return (await maySeeSession(context, id)) ? context.loaders.session.load(id) : null
}

/** Returns a session that the viewer takes part in. @throws TidingsError `NOT_FOUND` */
export async function requireSession(context: Context, id: string): Promise<SessionSource> {
  const session = (await findSession(context, id)) ?? refuseAsMissing('session', id)
  return { session }
}

/**
 * Checks the same without reading the session.
 * @returns the viewer's user id
 * @throws TidingsError `NOT_FOUND`
 */
export async function requirePart(context: Context, id: string): Promise<string> {
  if (!(await maySeeSession(context, id))) refuseAsMissing('session', id)
  return requireLimitedViewer(context).userId
}
