import type { AnyVariables, DocumentInput } from '@urql/core'
import { stringifyVariables } from '@urql/core'
import { useCallback, useMemo, useSyncExternalStore } from 'react'
import { useTidings } from './provider.ts'
import { type Live, type LiveReducer, type LiveSource, sharedLiveOf } from './shared-live.ts'

const pausedLive: Live<never> = { state: undefined, error: null, isOver: false }
const subscribeToNothing = (): (() => void) => () => undefined

/**
 * Subscribes to any GraphQL subscription and folds its data: components render the reducer's state,
 * never single events.
 *
 * Components with the same document, variables and reducer share one subscription and one state. A
 * late component gets that state at once. In a burst, a component renders at most once in 50 ms,
 * and the last state is always rendered.
 *
 * @param document - resumes without a gap after any interruption if it selects `cursor` and takes
 * `$after`
 * @param variables - null pauses: there is no subscription
 * @param reducer - pure, and defined outside the component. Of a reducer created while rendering,
 * the first version stays in use, and its subscription is not shared
 * @example
 * const { state, error } = useLive(OrderDocument, { id }, reduceOrder)
 */
export function useLive<Data, State, Variables extends AnyVariables = AnyVariables>(
  document: DocumentInput<Data, Variables>,
  variables: Variables | null,
  reducer: LiveReducer<Data, State>,
): Live<State> {
  const shared = sharedLiveOf(useTidings())
  const key = variables === null ? null : stringifyVariables(variables)
  // Variables are compared by value, and a reducer created on every render must not subscribe on
  // every render.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  const source = useMemo(
    (): LiveSource<Data, State, Variables> | null => (variables === null ? null : { document, variables, reducer }),
    [shared, document, key],
  )
  const subscribe = useCallback(
    (listener: () => void) => (source === null ? subscribeToNothing() : shared.subscribe(source, listener)),
    [shared, source],
  )
  const read = useCallback((): Live<State> => (source === null ? pausedLive : shared.read(source)), [shared, source])
  return useSyncExternalStore(subscribe, read, () => pausedLive)
}
