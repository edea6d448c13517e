import { isLimited, type Viewer } from '../../../src/engine.ts'
import type { Session } from '../../../src/studio/sessions/session.ts'
import { type Context, refuseAsMissing, requireLimitedViewer } from '../../index.ts'
import type { SessionSource } from '../refs.ts'

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
