import { builder } from './builder.ts'
import { type SessionSource, sessionRef } from './refs.ts'
import { anyFailure, defineResult } from './result.ts'

/** What the caller's own id of something new is for. */
export const clientIdDescription =
  'An id of the caller’s own making, new for each. Sent again with the same, nothing happens twice.'

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
