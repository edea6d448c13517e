import type { AnyVariables, DocumentInput } from '@urql/core'
import { stringifyVariables } from '@urql/core'
import { useCallback, useMemo, useSyncExternalStore } from 'react'
import { useTidings } from './provider.ts'
import { type Live, type LiveReducer, type LiveSource, sharedLiveOf } from './shared-live.ts'

const paused: Live<never> = { state: undefined, error: null, isOver: false }
const subscribeToNothing = (): (() => void) => () => undefined

/**
 * Watches any subscription and folds it: what a page shows is the reducer's state, never single events.
 *
 * Components that ask for the same document, variables and reducer share one subscription and one state; who comes late
 * gets that state at once. In a burst a component renders at most once in 50 ms, and the last state is always rendered.
 *
 * @param document - one that selects `cursor` and takes `$after` resumes without a gap after any interruption
 * @param variables - null pauses: nothing is subscribed to
 * @param reducer - pure, and defined outside the component. One that is made while rendering is taken as it was first, and
 * its subscription is not shared
 */
export function useLive<Data, State, Variables extends AnyVariables = AnyVariables>(
  document: DocumentInput<Data, Variables>,
  variables: Variables | null,
  reducer: LiveReducer<Data, State>,
): Live<State> {
  const shared = sharedLiveOf(useTidings())
  const key = variables === null ? null : stringifyVariables(variables)
  // Equal variables are the same, and a reducer that is new with every render must not subscribe with every render.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  const source = useMemo(
    (): LiveSource<Data, State, Variables> | null => (variables === null ? null : { document, variables, reducer }),
    [shared, document, key],
  )
  const subscribe = useCallback(
    (listener: () => void) => (source === null ? subscribeToNothing() : shared.subscribe(source, listener)),
    [shared, source],
  )
  const read = useCallback((): Live<State> => (source === null ? paused : shared.read(source)), [shared, source])
  return useSyncExternalStore(subscribe, read, () => paused)
}
