import type { CombinedError } from '@urql/core'
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import { SessionEventsDocument, type SessionEventsSubscription } from '../../gql/graphql.ts'
import { useLive, useTidings } from '../../react/index.ts'
import { reduceSession } from './reduce-session.ts'
import type { SessionState } from './session-state.ts'
import { type UnsentMessage, unsentOf } from './unsent.ts'

/** A session as a page shows it. */
export interface LiveSession {
  /** Null until the snapshot has arrived. */
  readonly session: SessionState | null
  /**
   * This page's messages that are not in the session yet, in the order in which they were written.
   */
  readonly unsent: readonly UnsentMessage[]
  /**
   * Why the session cannot be watched any more, such as the removal of the user; null otherwise.
   */
  readonly error: CombinedError | null
  /**
   * Sends a message. It is listed in `unsent` at once, until the server has added it to the
   * session.
   */
  readonly send: (text: string, options: { readonly wantsReply: boolean }) => void
  /** Cancels a waiting message, or removes a refused one. */
  readonly discard: (clientId: string) => void
}

/** The reducer shared by all subscribers of sessions. */
function reduceSessionEvents(
  state: SessionState | undefined,
  { sessionEvents }: SessionEventsSubscription,
): SessionState {
  return reduceSession(state, sessionEvents)
}

/**
 * Watches a session and sends messages to it. Any number of events within 50 ms cause one render.
 *
 * Messages are sent serially. Without a connection they wait, also across a reload, and are sent in
 * order when it is back. The server stores each message once, by the id that this client assigns.
 */
export function useSession(id: string): LiveSession {
  const unsent = unsentOf(useTidings())
  const { state, error } = useLive(SessionEventsDocument, { sessionId: id }, reduceSessionEvents)
  const all = useSyncExternalStore(unsent.subscribe, unsent.getSnapshot, unsent.getSnapshot)
  const messages = state?.messages
  const come = useMemo(() => new Set(messages?.flatMap(({ clientId }) => clientId ?? [])), [messages])
  useEffect(() => unsent.arrived(come), [unsent, come])
  const own = useMemo(
    // A message that has arrived is not shown twice, even before it is removed from the list.
    () => all.filter(({ sessionId, clientId }) => sessionId === id && !come.has(clientId)),
    [all, come, id],
  )
  const send = useCallback<LiveSession['send']>(
    (text, { wantsReply }) => unsent.send({ sessionId: id, text, wantsReply }),
    [unsent, id],
  )
  return { session: state ?? null, unsent: own, error, send, discard: unsent.discard }
}
