import { findSession, maySeeSession } from './access.ts'
import { builder, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { type SessionSource, sessionRef } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'

/** What the caller's own id of something new is for. */
export const clientIdDescription =
  'An id of the caller’s own making, new for each. Sent again with the same, nothing happens twice.'

/** A session that the viewer takes part in. @throws TidingsError `NOT_FOUND` */
export async function requireSession(context: Context, id: string): Promise<SessionSource> {
  const session = (await findSession(context, id)) ?? refuseAsMissing('session', id)
  return { session }
}
/** The same, without reading it. @throws TidingsError `NOT_FOUND` */
export async function requirePart(context: Context, id: string): Promise<string> {
  if (!(await maySeeSession(context, id))) refuseAsMissing('session', id)
  return requireViewer(context).userId
}

/** A success that is the session. */
export interface SessionOutcome {
  readonly session: SessionSource
}
/** Defines a result whose success is the session. @param name - the mutation's, with a capital at its beginning */
export function defineSessionResult(name: string, description: string) {
  const success = builder.objectRef<SessionOutcome>(`${name}Success`).implement({
    description,
    fields: (t) => ({
      session: t.field({
        type: sessionRef,
        description: 'The session as it is now.',
        resolve: ({ session }) => session,
      }),
    }),
  })
  return defineResult(success, anyFailure)
}
