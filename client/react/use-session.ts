import type { CombinedError } from '@urql/core'
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import { SessionEventsDocument, type SessionEventsSubscription } from '../gql/graphql.ts'
import { reduceSession } from '../reduce/session.ts'
import type { SessionState } from '../reduce/session-state.ts'
import { useTidings } from './provider.ts'
import { type UnsentMessage, unsentOf } from './unsent.ts'
import { useLive } from './use-live.ts'

/** A session as a page shows it. */
export interface LiveSession {
  /** Null until the snapshot has come. */
  readonly session: SessionState | null
  /** This page's messages that are not in it yet, in the order in which they were written. */
  readonly unsent: readonly UnsentMessage[]
  /** Why it cannot be watched any more, such as that the user was put out. */
  readonly error: CombinedError | null
  /** Says something: shown at once among `unsent`, until the server has given it its place. */
  readonly send: (text: string, options: { readonly wantsReply: boolean }) => void
  /** Takes back a message that waits, or forgets one that was refused. */
  readonly discard: (clientId: string) => void
}

/** The fold that all who watch sessions share. */
export function reduceSessionEvents(
  state: SessionState | undefined,
  { sessionEvents }: SessionEventsSubscription,
): SessionState {
  return reduceSession(state, sessionEvents)
}

/**
 * Watches a session and speaks in it. Events that come within 50 ms cause one render, however many they are.
 *
 * Messages are sent one after the other. Without a connection they wait, also beyond a reload, and go out in order when it is back; the
 * server stores each once, by the id that this client gives it.
 */
export function useSession(id: string): LiveSession {
  const unsent = unsentOf(useTidings())
  const { state, error } = useLive(SessionEventsDocument, { sessionId: id }, reduceSessionEvents)
  const all = useSyncExternalStore(unsent.subscribe, unsent.getSnapshot, unsent.getSnapshot)
  const messages = state?.messages
  const come = useMemo(() => new Set(messages?.flatMap(({ clientId }) => clientId ?? [])), [messages])
  useEffect(() => unsent.arrived(come), [unsent, come])
  const own = useMemo(
    // One that has come is not shown twice, also before it was forgotten.
    () => all.filter(({ sessionId, clientId }) => sessionId === id && !come.has(clientId)),
    [all, come, id],
  )
  const send = useCallback<LiveSession['send']>(
    (text, { wantsReply }) => unsent.send({ sessionId: id, text, wantsReply }),
    [unsent, id],
  )
  return { session: state ?? null, unsent: own, error, send, discard: unsent.discard }
}
