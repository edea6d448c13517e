/** The fields of every event of a topic. */
export interface TopicEvent {
  readonly __typename: string
  /** The position after the event, from which a subscription can continue. */
  readonly cursor: string
  /** 1, 2, 3 … without gaps; snapshots and ephemeral events repeat the last number. */
  readonly seq: number
  /** When it happened, RFC 3339. */
  readonly at: string
}

/**
 * A kind of topic of a server, as its `tidings.gen.ts` describes it.
 *
 * @typeParam Event - its events, by `__typename`
 */
export interface GeneratedTopic<Event extends TopicEvent = TopicEvent> {
  readonly topic: string
  /** The subscription, with the variables `id`, `after` and `fromStart`. */
  readonly document: string
  /** Exists for the compiler only. */
  readonly types?: { readonly event: Event }
}

/** An event of a kind of topic. */
export type TopicEventOf<T extends GeneratedTopic> = NonNullable<T['types']>['event']
