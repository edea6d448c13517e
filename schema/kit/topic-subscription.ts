import {
  declareTopicField,
  type EphemeralSource,
  type Guard,
  type OpenedTopic,
  type SelectingOperation,
  type StartingPoint,
  type TopicField,
} from '../../src/live/execute/topic-field.ts'
import { createCursorFormat, parseCursor } from '../../src/log/cursor.ts'
import type { LogEvent } from '../../src/log/event.ts'
import type { Followed } from '../../src/log/follow.ts'
import { noteSubscription } from './audit-subscription.ts'
import type { Context } from './context.ts'
import { guardWithPresence } from './presence.ts'
import type { EventPlace } from './topic-event.ts'

/**
 * A topic exposed as a subscription: `S` is the state in its snapshots, `E` the source of the
 * field's type.
 */
export interface TopicDefinition<S, E> {
  readonly topic: string
  /** See `OpenedTopic`. */
  readonly snapshot: OpenedTopic<S>['snapshot']
  /** Whether an event is terminal. By default none is: such a topic never ends. */
  readonly isLast?: OpenedTopic<S>['isLast']
  /** The compaction of events for a slow subscriber; `keep` by default. */
  readonly classOf?: OpenedTopic<S>['classOf']
  /** Joins two consecutive `append` events; never by default. */
  readonly join?: OpenedTopic<S>['join']
  /**
   * Converts a followed event to the source of the field's type, which must not depend on the
   * viewer.
   */
  readonly read: (followed: Followed<S>, place: EventPlace) => E
  /** Required where permission to see the topic can be revoked. */
  readonly guard?: Guard | undefined
  /** Whether subscribers count as present; false by default. */
  readonly isPresenceKept?: boolean
  /** Events outside the log, inserted between events with the seq of the event before them. */
  readonly ephemeral?: Omit<EphemeralSource<S>, 'toValue'> & {
    readonly toEvent: (report: unknown, place: EventPlace) => E
  }
}

/** The arguments of every subscription that select the position to follow from. */
export interface StartingArguments {
  readonly after?: string | null | undefined
  readonly fromStart?: boolean | null | undefined
}

/**
 * Turns a field into a subscription to a topic, by spreading into its options. The arguments `after`
 * and `fromStart`, if present, have the same meaning in all subscriptions.
 *
 * @param open - finds the topic on behalf of the viewer in the context; throws a `TidingsError`
 * when the viewer may not see it
 */
export function subscribeToTopic<A extends object, S, E>(
  open: (args: A, context: Context, operation: SelectingOperation) => Promise<TopicDefinition<S, E>>,
): {
  readonly extensions: { readonly live: unknown }
  subscribe(parent: unknown, args: A & StartingArguments, context: Context): AsyncIterableIterator<E>
  resolve(event: E): E
} {
  const field: TopicField<Context, S> = {
    startingArguments: ['after', 'fromStart'],
    startOf: (args, topic) => startOf(args as StartingArguments, topic),
    open: async (args, context, operation) => {
      const { read, ephemeral, ...definition } = await noteSubscription(context, () =>
        open(args as A, context, operation),
      )
      const placeOf = createEventPlaces(context, definition.topic)
      return {
        isLast: () => false,
        classOf: () => 'keep',
        join: () => null,
        ...definition,
        guard: guardOf(definition, context),
        ephemeral: ephemeral && {
          ...ephemeral,
          toValue: (report, seq) => ephemeral.toEvent(report, placeOf({ seq })),
        },
        read: (followed) => read(followed, placeOf(followed)),
      }
    },
  }
  return {
    ...declareTopicField(field),
    subscribe() {
      throw new Error('Subscriptions to topics are executed by `createLive` of src/live/live.ts')
    },
    resolve: (event) => event,
  }
}

/**
 * Creates the function that computes the cursor, seq and time of a followed event: an event outside
 * the log has the seq of the event before it, and the current time.
 */
function createEventPlaces(
  { engine }: Context,
  topic: string,
): (item: { readonly event: LogEvent } | { readonly seq: number }) => EventPlace {
  const cursorOf = createCursorFormat(engine.reader, topic)
  return (item) => {
    const { seq, at } = 'event' in item ? item.event : { seq: item.seq, at: new Date().toISOString() }
    return { cursor: cursorOf(seq), seq, at }
  }
}

/**
 * Ends the subscription when access to the topic is revoked; while it lasts, the viewer is present,
 * if the topic keeps presence.
 */
function guardOf(
  { topic, guard, isPresenceKept = false }: Pick<TopicDefinition<never, never>, 'topic' | 'guard' | 'isPresenceKept'>,
  context: Context,
): Guard | undefined {
  return isPresenceKept ? guardWithPresence(context, topic, guard) : guard
}

function startOf({ after, fromStart }: StartingArguments, topic: string): StartingPoint {
  const position = after === null || after === undefined ? undefined : parseCursor(after, topic)
  return { after: position, fromStart: fromStart ?? false }
}
