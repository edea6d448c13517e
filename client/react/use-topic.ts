import { topicDocumentOf } from '../kinds/documents.ts'
import type { GeneratedTopic, TopicEvent, TopicEventOf } from '../kinds/generated-topic.ts'
import type { Live, LiveReducer } from './shared-live.ts'
import { useLive } from './use-live.ts'

type Reducer = LiveReducer<Readonly<Record<string, TopicEvent>>, unknown>

/** One per reducer of a page: components share a subscription when they have the same. */
const reducers = new WeakMap<object, Reducer>()

/**
 * Subscribes to a topic and folds its events: a snapshot first, then every event in order, each exactly once.
 *
 * @param topic - a topic of `tidings.gen.ts`
 * @param id - null or undefined while there is nothing to watch
 * @param reduce - pure, and defined outside the component. A snapshot replaces the state. Newer servers may send events of other types:
 * keep a default branch
 * @example
 * const reduce = (state: string | undefined, event: OrderEvent) => (event.__typename === 'OrderStatusChanged' ? event.status : state ?? '')
 * const { state } = useTopic(order, id, reduce)
 */
export function useTopic<T extends GeneratedTopic, State>(
  topic: T,
  id: string | null | undefined,
  reduce: (state: State | undefined, event: TopicEventOf<T>) => State,
): Live<State> {
  const existing = reducers.get(reduce)
  const reducer: Reducer =
    existing ??
    ((state, data) => {
      const [event] = Object.values(data)
      return event === undefined ? state : reduce(state as State | undefined, event as TopicEventOf<T>)
    })
  if (existing === undefined) reducers.set(reduce, reducer)
  const variables = id === null || id === undefined ? null : { id }
  return useLive(topicDocumentOf(topic), variables, reducer) as Live<State>
}
